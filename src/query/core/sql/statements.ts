import type { Aggregation, OverTime, Query } from '../ast.js';
import { conjuncts, allOf } from '../ast.js';
import { conditionSql, type KeyExpression } from './condition-sql.js';
import { aggregateType, datasetOf } from '../datasets.js';
import { Keyset, type KeyValue } from './keyset.js';
import { bucketSql } from './level-pieces.js';
import { levelRelation, seriesSql } from './level-relation.js';
import { QUERY_LIMITS } from '../limits.js';
import type { Plan } from '../plan/plan.js';
import { currentRelation, known, namesField, type Column, type Relation } from './relation.js';
import { SqlParameters } from './sql-parameters.js';

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Columns at the start of a row; the values of the row's position follow. */
  readonly columns: readonly Column[];
}

/**
 * Relative error of percentiles that are computed from bins; the bounds of a bin differ by the ratio (1 + a) / (1 - a), as
 * in DDSketch.
 */
export const RELATIVE_ERROR = 0.01;
const BIN_RATIO = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR);
/** Number of the bin for 0, which has no logarithm. */
const ZERO_BIN = -2_000_000_000;

function relationOf(query: Query, plan: Plan, parameters: SqlParameters): Relation {
  return plan.levels === undefined
    ? currentRelation(datasetOf(query.dataset), query.where, plan.range, plan.now, parameters)
    : levelRelation(query, plan.levels, parameters);
}

/**
 * Returns the statement for one page of rows and one additional row, which shows whether there are more. If rows have long
 * columns, their size follows the position.
 */
export function rowsStatement(query: Query, plan: Plan, position: readonly KeyValue[] | undefined) {
  const parameters = new SqlParameters();
  const relation = relationOf(query, plan, parameters);
  const keyset = new Keyset(relation, query.sort);
  const where = [...relation.where, ...(position && keyset.fits(position) ? [keyset.after(position, parameters)] : [])];
  const shown = relation.columns.map(({ name }) => shownSql(relation.expression(name)));
  const selected = [...shown, ...keyset.columns(), ...sizeSql(relation)];
  const first = `LIMIT ${query.limit + 1}`;
  const page = (from: string): string =>
    `SELECT ${selected.join(', ')}\nFROM ${from}${whereSql(where)}\nORDER BY ${keyset.orderBy()} ${first}`;
  const pages =
    relation.parts.length < 2
      ? page(relation.from)
      : `${relation.parts.map((part) => `(${page(part)})`).join('\nUNION ALL ')}\nORDER BY ${keyset.orderOf(shown.length)} ${first}`;
  const text = `${withCtes(relation)}${pages}`;
  return { text, values: parameters.values, columns: relation.columns, positionLength: keyset.length };
}

/** Returns the SQL of the size of a row's long columns, bytes; other columns are short. */
function sizeSql(relation: Relation): string[] {
  const long = relation.columns.filter(({ isLong }) => isLong);
  const sizes = long.map(({ name }) => `coalesce(octet_length(${relation.expression(name).sql}::text), 0)`);
  return sizes.length === 0 ? [] : [sizes.join(' + ')];
}

/**
 * Returns the statement for all groups of the answer; if there are too many, it returns one more than allowed. The groups
 * are sorted as in the answer, but by the database's comparison: `sortGroups` sorts them again, ten times faster than
 * unsorted input. Sorting 9,000 unsorted groups in the process held the event loop for 14 ms, measured.
 */
export function groupsStatement(query: Query, plan: Plan, binned: boolean): Statement {
  const parameters = new SqlParameters();
  const relation = relationOf(query, plan, parameters);
  const dataset = datasetOf(query.dataset);
  const timed = query.time?.bucket !== undefined;
  const keys: { column: Column; expression: KeyExpression }[] = [
    ...(timed ? [timeKey(query, relation)] : []),
    ...query.groupBy.map((name) => ({
      column: { name, type: known(dataset, name).type },
      expression: relation.expression(name),
    })),
  ];
  const source = { relation, keys: keys.map(({ expression }) => expression.sql), parameters };
  const grouped = binned ? binnedGroups(query, source) : exactGroups(query, source);
  const having = query.having && conditionSql(query.having, (name) => outputColumn(name, query, keys), parameters);
  const shown = [
    ...keys.map(({ expression }, index) => shownSql({ ...expression, sql: `g.k${index}` })),
    ...query.aggregations.map((one, index) =>
      shownSql({ sql: `g.a${index}`, type: aggregateType(one, dataset), nullable: true }),
    ),
  ];
  const order = groupOrder(query, keys);
  return {
    text: `${withCtes(relation)}SELECT ${shown.join(', ')} FROM (${grouped}) g${having ? ` WHERE ${having}` : ''}${order} LIMIT ${QUERY_LIMITS.groups + 1}`,
    values: parameters.values,
    columns: [
      ...keys.map(({ column }) => column),
      ...query.aggregations.map((one): Column => ({ name: one.as, type: aggregateType(one, dataset) })),
    ],
  };
}

/**
 * Returns the statement that counts the rows that fail a range of changes only because they have no past value; undefined if
 * the query has no such range.
 */
export function excludedStatement(query: Query, plan: Plan): Statement | undefined {
  const parts = conjuncts(query.where);
  const isChange = (field: string): boolean => known(datasetOf(query.dataset), field).lookups !== undefined;
  const changes = parts.flatMap((part) =>
    part.kind === 'compare' && part.operator !== 'is_null' && isChange(part.field) ? [part.field] : [],
  );
  if (changes.length === 0) return undefined;
  const remaining = parts.filter((part) => !(part.kind === 'compare' && isChange(part.field)));
  const parameters = new SqlParameters();
  const where = allOf(remaining);
  // Decided by the whole condition: a condition that is left out here may determine which rows count.
  const { counting, ...others } = datasetOf(query.dataset);
  const dataset = namesField(query.where, counting?.unless ?? '') ? others : datasetOf(query.dataset);
  const relation = currentRelation(dataset, where, plan.range, plan.now, parameters);
  const missing = [...new Set(changes)].map((field) => `${relation.expression(field).sql} IS NULL`).join(' OR ');
  return {
    text: `SELECT count(*) FROM ${relation.from}${whereSql([...relation.where, `(${missing})`])}`,
    values: parameters.values,
    columns: [{ name: 'excluded', type: 'number' }],
  };
}

/** Returns the statement that counts the series or rows that a query selects; rows are counted up to `most`. */
export function countStatement(query: Query, plan: Plan, most: number): Statement {
  const parameters = new SqlParameters();
  const columns: Column[] = [{ name: 'chosen', type: 'number' }];
  if (plan.levels !== undefined) {
    const series = seriesSql(query, plan.levels, parameters);
    return { text: `SELECT count(*) FROM (${series}) s`, values: parameters.values, columns };
  }
  const relation = relationOf(query, plan, parameters);
  const rows = `SELECT FROM ${relation.from}${whereSql(relation.where)} LIMIT ${most}`;
  return { text: `${withCtes(relation)}SELECT count(*) FROM (${rows}) r`, values: parameters.values, columns };
}

interface GroupSource {
  readonly relation: Relation;
  readonly keys: readonly string[];
  readonly parameters: SqlParameters;
}

function exactGroups(query: Query, { relation, keys, parameters }: GroupSource): string {
  const aggregates = query.aggregations.map(
    (aggregation, index) => `${aggregateSql(aggregation, relation, parameters)} AS a${index}`,
  );
  return `SELECT ${[...keys.map((sql, index) => `${sql} AS k${index}`), ...aggregates].join(', ')}
FROM ${relation.from}${whereSql(relation.where)}${groupBy(keys.length)}`;
}

function aggregateSql(
  { operation, field, overTime, p }: Aggregation,
  relation: Relation,
  parameters: SqlParameters,
): string {
  const filter = filterSql(relation, overTime);
  if (field === undefined) return `count(*)${filter}`;
  const value = relation.aggregated(field, overTime);
  switch (operation) {
    case 'count_distinct':
      return `count(DISTINCT ${value})${filter}`;
    case 'avg':
      // PostgreSQL's avg also sums squares, which overflow beyond 1e154: one such row would refuse the means of all.
      return `sum((${value})::float8)${filter} / nullif(count(${value})${filter}, 0)::float8`;
    case 'percentile':
      return `percentile_disc(${parameters.add(p, 'float8')}) WITHIN GROUP (ORDER BY ${value})${filter}`;
    default:
      return `${operation}(${value})${filter}`;
  }
}

function filterSql(relation: Relation, overTime: OverTime): string {
  return relation.filter === undefined ? '' : ` FILTER (WHERE ${relation.filter(overTime)})`;
}

/**
 * Returns groups computed from logarithmic bins: values are first counted per bin, which is much faster than sorting all
 * values.
 */
function binnedGroups(query: Query, { relation, keys, parameters }: GroupSource): string {
  const binned = query.aggregations.find(({ operation }) => operation === 'percentile');
  const overTime = binned?.overTime ?? 'last';
  const value = relation.aggregated(binned?.field ?? '', overTime);
  const ratio = parameters.add(Math.log(BIN_RATIO), 'float8');
  const bin = `CASE WHEN ${value} > 0 THEN ceil(ln(${value}) / ${ratio})::integer WHEN ${value} = 0 THEN ${ZERO_BIN} END`;
  const parts = query.aggregations.map((aggregation, index) => partialSql(aggregation, relation, index));
  const inner = `SELECT ${[...keys.map((sql, index) => `${sql} AS k${index}`), `${bin} AS bin`, `count(${value})${filterSql(relation, overTime)} AS held`, ...parts].join(', ')}
FROM ${relation.from}${whereSql(relation.where)} GROUP BY ${[...keys.map((_, index) => index + 1), keys.length + 1].join(', ')}`;
  const outer = query.aggregations.map(
    (aggregation, index) => `${wholeSql(aggregation, index, parameters)} AS a${index}`,
  );
  return `SELECT ${[...keys.map((_, index) => `b.k${index}`), ...outer].join(', ')} FROM (${inner}) b${groupBy(keys.length)}`;
}

function partialSql({ operation, field, overTime }: Aggregation, relation: Relation, index: number): string {
  const value = field === undefined ? '*' : relation.aggregated(field, overTime);
  const filter = filterSql(relation, overTime);
  switch (operation) {
    case 'avg':
      return `sum((${value})::float8)${filter} AS s${index}, count(${value})${filter} AS n${index}`;
    case 'percentile':
      return `NULL AS s${index}`;
    default:
      return `${operation}(${value})${filter} AS s${index}`;
  }
}

function wholeSql({ operation, p }: Aggregation, index: number, parameters: SqlParameters): string {
  switch (operation) {
    case 'avg':
      return `sum(b.s${index}) / nullif(sum(b.n${index}), 0)::float8`;
    case 'count':
      return `coalesce(sum(b.s${index}), 0)::bigint`;
    case 'percentile': {
      const bins = `array_agg(b.bin ORDER BY b.bin) FILTER (WHERE b.bin IS NOT NULL), array_agg(b.held ORDER BY b.bin) FILTER (WHERE b.bin IS NOT NULL)`;
      const bin = `bin_percentile(${bins}, ${parameters.add(p, 'float8')})`;
      return `(SELECT CASE WHEN i = ${ZERO_BIN} THEN 0 ELSE 2 * exp(i * ${Math.log(BIN_RATIO)}::float8) / ${BIN_RATIO + 1}::float8 END FROM (SELECT ${bin} AS i) of_group)`;
    }
    default:
      return `${operation}(b.s${index})`;
  }
}

/**
 * Whether percentiles can be computed from bins: all are of the same expression, and no other aggregate needs single values.
 */
export function canBin(query: Query): boolean {
  const percentiles = query.aggregations.filter(({ operation }) => operation === 'percentile');
  const expressions = new Set(percentiles.map(({ field, overTime }) => `${field} ${overTime}`));
  const field = percentiles[0]?.field;
  const positive = field === 'tvl' || field === 'price';
  return (
    expressions.size === 1 && positive && query.aggregations.every(({ operation }) => operation !== 'count_distinct')
  );
}

/** Returns the bucket expression; for rows of the log it is derived from their time. */
function timeKey(query: Query, relation: Relation): { column: Column; expression: KeyExpression } {
  const column: Column = { name: 'time', type: 'time' };
  const { timeField, metric } = datasetOf(query.dataset);
  if (metric !== undefined) return { column, expression: relation.expression('time') };
  const at = relation.expression(timeField ?? '').sql;
  return { column, expression: { sql: bucketSql(query.time?.bucket, at), type: 'time', nullable: false } };
}

function outputColumn(
  name: string,
  query: Query,
  keys: readonly { column: Column; expression: KeyExpression }[],
): KeyExpression {
  const key = keys.findIndex(({ column }) => column.name === name);
  if (key >= 0) {
    const { column, expression } = keys[key] ?? {};
    const isFolded = expression?.isFolded ?? false;
    return { sql: `g.k${key}`, type: column?.type ?? 'text', nullable: true, ...(isFolded && { isFolded }) };
  }
  const index = query.aggregations.findIndex(({ as }) => as === name);
  const [aggregation] = query.aggregations.slice(index);
  const type = aggregation === undefined ? 'number' : aggregateType(aggregation, datasetOf(query.dataset));
  return { sql: `g.a${index}`, type, nullable: true };
}

function groupOrder(query: Query, keys: readonly { column: Column; expression: KeyExpression }[]): string {
  const ties = keys.map(({ column }) => ({ field: column.name, order: 'asc' }));
  const terms = [...query.sort, ...ties].map(({ field, order }) => {
    const { sql, type } = outputColumn(field, query, keys);
    return `${sql}${type === 'text' ? ' COLLATE "C"' : ''} ${order} NULLS LAST`;
  });
  return terms.length === 0 ? '' : ` ORDER BY ${terms.join(', ')}`;
}

function groupBy(keys: number): string {
  return keys === 0 ? '' : ` GROUP BY ${Array.from({ length: keys }, (_, index) => index + 1).join(', ')}`;
}

/** Returns the SQL of a value in an answer: times become Unix milliseconds, decimals texts without trailing zeros. */
function shownSql({ sql, type }: KeyExpression): string {
  if (type === 'decimal') return `trim_scale(${sql})::text`;
  return type === 'time' ? `(extract(epoch FROM ${sql}) * 1000)::float8` : sql;
}

function withCtes({ ctes }: Relation): string {
  return ctes.length === 0 ? '' : `WITH ${ctes.join(',\n')}\n`;
}

function whereSql(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `\nWHERE ${conditions.join('\n  AND ')}`;
}
