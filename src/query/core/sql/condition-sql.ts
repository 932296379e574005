import type { Comparison, Condition, Operator, Value } from '../ast.js';
import type { FieldType } from '../dataset-fields.js';
import type { SqlParameters } from './sql-parameters.js';

/** Expression that orders rows. */
export interface KeyExpression {
  readonly sql: string;
  readonly type: FieldType;
  readonly nullable: boolean;
  readonly bound?: string;
  /** Whether comparisons ignore case. */
  readonly isFolded?: boolean;
}

const BINARY: Readonly<Partial<Record<Operator, string>>> = {
  eq: '=',
  ne: '<>',
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
};
/** SQL types of parameters by the type of the field. */
const BOUND: Readonly<Record<FieldType, string>> = {
  text: 'text',
  texts: 'text',
  json: 'text',
  number: 'float8',
  decimal: 'numeric',
  time: 'timestamptz',
};

type Lookup = (field: string) => KeyExpression;

/** Returns a condition as SQL. `decided`: the result must never be SQL's unknown (NULL), so that it can be inverted. */
export function conditionSql(condition: Condition, lookup: Lookup, parameters: SqlParameters, decided = false): string {
  switch (condition.kind) {
    case 'compare':
      return comparisonSql(condition, lookup, parameters, decided);
    case 'not':
      return `NOT ${conditionSql(condition.of, lookup, parameters, true)}`;
    default: {
      const parts = condition.of.map((part) => conditionSql(part, lookup, parameters, decided));
      return `(${parts.join(condition.kind === 'and' ? ' AND ' : ' OR ')})`;
    }
  }
}

function comparisonSql(comparison: Comparison, lookup: Lookup, parameters: SqlParameters, decided: boolean): string {
  const { sql, type, nullable, isFolded = false } = lookup(comparison.field);
  if (comparison.operator === 'is_null') return `(${sql} IS ${comparison.negated ? 'NOT ' : ''}NULL)`;
  const compared = isFolded ? foldedSql(comparison, sql, parameters) : comparedSql(comparison, sql, type, parameters);
  return decided && nullable ? `coalesce(${compared}, false)` : `(${compared})`;
}

function comparedSql(comparison: Comparison, sql: string, type: FieldType, parameters: SqlParameters): string {
  if (type === 'texts') return listSql(comparison, sql, parameters);
  return type === 'time' ? timeSql(comparison, sql, parameters) : scalarSql(comparison, sql, BOUND[type], parameters);
}

/**
 * Returns a comparison of times with the precision of answers, a millisecond: a time shown as 10:00:00.123 is not after
 * 10:00:00.123, however many microseconds are stored. The bounds are changed, not the column, so that the planner can still
 * exclude partitions.
 */
function timeSql(comparison: Comparison, sql: string, parameters: SqlParameters): string {
  const [first, second] = comparison.values;
  const behind = (value: Value | undefined): string =>
    `${parameters.add(value, BOUND.time)} + interval '1 millisecond'`;
  switch (comparison.operator) {
    case 'gt':
      return `${sql} >= ${behind(first)}`;
    case 'lte':
      return `${sql} < ${behind(first)}`;
    case 'between':
      return `${sql} >= ${parameters.add(first, BOUND.time)} AND ${sql} < ${behind(second)}`;
    case 'gte':
    case 'lt':
      return scalarSql(comparison, sql, BOUND.time, parameters);
    default:
      return scalarSql(comparison, `date_trunc('milliseconds', ${sql})`, BOUND.time, parameters);
  }
}

/**
 * Returns a comparison of texts that ignores case. The database converts both sides, so that its rules for letters apply to
 * both.
 */
function foldedSql(comparison: Comparison, sql: string, parameters: SqlParameters): string {
  const { operator, values } = comparison;
  if (operator === 'like') return scalarSql(comparison, sql, BOUND.text, parameters);
  const list = `ARRAY(SELECT lower(folded) FROM unnest(${parameters.add(values, 'text[]')}) AS folded)`;
  return operator === 'ne' || operator === 'nin' ? `lower(${sql}) <> ALL (${list})` : `lower(${sql}) = ANY (${list})`;
}

function scalarSql({ operator, values }: Comparison, sql: string, bound: string, parameters: SqlParameters): string {
  const [first, second] = values;
  switch (operator) {
    case 'in':
      return `${sql} = ANY (${parameters.add(values, `${bound}[]`)})`;
    case 'nin':
      return `${sql} <> ALL (${parameters.add(values, `${bound}[]`)})`;
    case 'between':
      return `${sql} BETWEEN ${parameters.add(first, bound)} AND ${parameters.add(second, bound)}`;
    case 'like':
      return `${sql} ILIKE ${parameters.add(first, bound)} ESCAPE '\\'`;
    default:
      return `${sql} ${BINARY[operator]} ${parameters.add(first, bound)}`;
  }
}

/** Returns a comparison of a list field: the list contains at least one of the values, or none of them. */
function listSql({ operator, values }: Comparison, sql: string, parameters: SqlParameters): string {
  const overlaps = `${sql} && ${parameters.add(values, 'text[]')}`;
  return operator === 'ne' || operator === 'nin' ? `NOT (${overlaps})` : overlaps;
}
