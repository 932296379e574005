import { isoTime } from '../../../platform/input/time.js';
import type { Condition, OverTime } from '../ast.js';
import { conjuncts, comparisons } from '../ast.js';
import { conditionSql, type KeyExpression } from './condition-sql.js';
import type { Dataset, Field, FieldType } from '../dataset-fields.js';
import { fieldNames, fieldOf } from '../datasets.js';
import type { SqlParameters } from './sql-parameters.js';

/** Column of an answer. */
export interface Column {
  readonly name: string;
  readonly type: FieldType;
  readonly isLong?: boolean;
}

/**
 * Source of a query's rows: the current rows of a dataset, or its series in buckets. The SQL of rows, groups and keys is
 * built on it.
 */
export interface Relation {
  /** Entries of the WITH clause, without the keyword. */
  readonly ctes: readonly string[];
  readonly from: string;
  /**
   * FROM items with disjoint parts of the rows, if there are several: the first rows of an order are found faster in each
   * part than in the union.
   */
  readonly parts: readonly string[];
  /** Conditions on the rows, including those of the query. */
  readonly where: readonly string[];
  /** Columns of rows, in order. */
  readonly columns: readonly Column[];
  expression(field: string): KeyExpression;
  /** Returns the SQL of the value that an aggregate reads from a row. */
  aggregated(field: string, overTime: OverTime): string;
  /** Returns the condition on an aggregate's rows; absent if it is the same for all aggregates. */
  filter?(overTime: OverTime): string;
  /** Sort keys that make every order total. */
  readonly tieBreak: readonly KeyExpression[];
}

/** Returns the relation of the dataset's current rows. */
export function currentRelation(
  dataset: Dataset,
  where: Condition | undefined,
  range: { from: number; to: number } | undefined,
  now: number,
  parameters: SqlParameters,
): Relation {
  let placeholder: string | undefined;
  const moment = (): string => (placeholder ??= parameters.add(isoTime(now), 'timestamptz'));
  const sqlOf = (field: Field): string => (field.lookups === undefined ? field.sql('') : field.sql(moment()));
  const expression = (name: string): KeyExpression => {
    const field = known(dataset, name);
    return {
      sql: sqlOf(field),
      type: field.type,
      nullable: field.nullable,
      ...(field.bound && { bound: field.bound }),
      ...(field.isFolded && { isFolded: true }),
    };
  };
  const conditions = conjuncts(where).map((part) => conditionSql(part, expression, parameters));
  const { counting } = dataset;
  if (counting !== undefined && !namesField(where, counting.unless)) conditions.push(counting.sql);
  if (range !== undefined && dataset.timeField !== undefined) {
    const { sql } = expression(dataset.timeField);
    const [from, to] = [range.from, range.to].map((time) => parameters.add(isoTime(time), 'timestamptz'));
    conditions.push(`${sql} >= ${from} AND ${sql} < ${to}`);
  }
  return {
    ctes: [],
    from: dataset.from,
    parts: [],
    where: conditions,
    columns: fieldNames(dataset).map((name) => {
      const { type, isLong = false } = known(dataset, name);
      return { name, type, ...(isLong && { isLong }) };
    }),
    expression,
    aggregated: (name) => expression(name).sql,
    tieBreak: dataset.key.map(expression),
  };
}

/** Whether a query has a condition on a field. */
export function namesField(where: Condition | undefined, name: string): boolean {
  return comparisons(where).some(({ field }) => field === name);
}

export function known(dataset: Dataset, name: string): Field {
  const field = fieldOf(dataset, name);
  if (field === undefined) throw new Error(`The dataset ${dataset.name} has no field ${name}.`);
  return field;
}
