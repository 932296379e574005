import { isoTime } from '../../../platform/input/time.js';
import { comparisons, conjuncts, type Bucket, type Condition, type OverTime, type Query } from '../ast.js';
import { conditionSql, type KeyExpression } from './condition-sql.js';
import type { Dataset } from '../dataset-fields.js';
import { datasetOf, fieldNames } from '../datasets.js';
import type { LevelPlan } from '../plan/plan.js';
import { known, type Column, type Relation } from './relation.js';
import { ALL_SERIES, behindSql, levelPieces } from './level-pieces.js';
import type { SqlParameters } from './sql-parameters.js';
import { bucketStarts } from '../time.js';
import { countsAsTotal, REAL_SPANS } from './whole-levels.js';
import { QUERY_LIMITS } from '../limits.js';

/** Columns of `metric_series` and related tables by field of the dataset. */
const SERIES: Readonly<
  Record<'tvl' | 'price', { recorded: string; from: string; fields: Readonly<Record<string, string>> }>
> = {
  tvl: {
    from: 'LEFT JOIN protocols p ON p.slug = r.subject',
    recorded: `(SELECT id, subject, chain FROM metric_series WHERE metric = 'tvl')`,
    fields: { protocol: 'r.subject', chain: 'r.chain', name: 'p.name', category: 'p.category', symbol: 'p.symbol' },
  },
  price: {
    from: 'LEFT JOIN token_prices p ON p.token = r.subject',
    recorded: `(SELECT id, subject, chain FROM metric_series WHERE metric = 'price')`,
    fields: { token: 'r.subject', chain: 'p.chain', symbol: 'p.symbol' },
  },
};

const VALUES: Readonly<Record<OverTime, string>> = { last: 'l.close', avg: 'l.mean', min: 'l.low', max: 'l.high' };

/**
 * Returns the relation of series in buckets. Each series has one row per bucket, so that a sum never counts a series twice.
 * The value of a row is the last one in the bucket.
 */
export function levelRelation(query: Query, plan: LevelPlan, parameters: SqlParameters): Relation {
  const dataset = datasetOf(query.dataset);
  const shown = shownColumns(dataset);
  const single = query.aggregations.length === 0 && plan.bucket === undefined;
  const { ofSeries, ofValues } = split(dataset, query.where);
  const expression = (name: string, overTime: OverTime = 'last'): KeyExpression =>
    levelField(dataset, name, plan.fill, overTime);
  const fulfils = (overTime: OverTime): string[] =>
    ofValues.map((part) => conditionSql(part, (name) => expression(name, overTime), parameters));
  const readings = [...new Set<OverTime>(query.aggregations.map(({ overTime }) => overTime))];
  const [reading = 'last', ...otherReadings] = readings;
  const namesChain = comparisons(query.where).some(({ field }) => field === 'chain');
  const isOfTotals = plan.metric === 'tvl' && !namesChain;
  const used = usedFields(query, dataset, ofValues, shown);
  const asked = seriesAsked(query, plan, ofSeries, isOfTotals, parameters);
  // Pages look up their few series by id; groups need all series.
  const lookup = query.aggregations.length > 0 ? ALL_SERIES : `(${asked(SERIES[plan.metric].recorded)})`;
  const pieces = levelPieces(plan, { used, single, lookup }, parameters);
  const showsEnds = readings.every((one) => one === 'last');
  const filled =
    plan.bucket !== undefined && plan.fill !== 'none' && (query.aggregations.length === 0 || plan.fill === 'previous');
  return {
    ctes: [
      tail(plan),
      `recorded AS MATERIALIZED (${asked(SERIES[plan.metric].recorded)})`,
      `newcomers AS MATERIALIZED (${asked(NEW_SERIES)})`,
      `series AS NOT MATERIALIZED (SELECT * FROM ${lookup} r UNION ALL SELECT * FROM newcomers)`,
      ...(isOfTotals ? REAL_SPANS : []),
      ...pieces.ctes,
      ...pieces.parts.map((part, index) => `levels_${index} AS NOT MATERIALIZED (${part})`),
      `levels AS (${pieces.parts.map((_, index) => `SELECT * FROM levels_${index}`).join(' UNION ALL ')})`,
      ...(filled && plan.bucket !== undefined ? fillCtes(plan, plan.bucket, { used, showsEnds }, parameters) : []),
    ],
    from: `${filled ? 'filled' : 'levels'} l`,
    parts: filled ? [] : pieces.parts.map((_, index) => `levels_${index} l`),
    where: [
      ...(isOfTotals
        ? [countsAsTotal(plan, { single, showsEnds: filled && plan.fill === 'previous' && showsEnds }, parameters)]
        : []),
      // A condition on a value tests the value that an aggregate takes from the bucket. Aggregates with different
      // `over_time` therefore select different rows.
      ...(otherReadings.length === 0 || ofValues.length === 0
        ? fulfils(reading)
        : [readings.map((one) => `(${fulfils(one).join(' AND ')})`).join(' OR ')].map((either) => `(${either})`)),
    ],
    ...(otherReadings.length > 0 && ofValues.length > 0 && { filter: (overTime) => fulfils(overTime).join(' AND ') }),
    columns: shown,
    expression,
    aggregated: (name, overTime) => (known(dataset, name).history === 'value' ? VALUES[overTime] : `l.${name}`),
    tieBreak: [expression('time'), number('l.series_id', 'integer'), ...(single ? [number('l.seq', 'bigint')] : [])],
  };
}

/** Returns the SQL of the series that a query selects. */
export function seriesSql(query: Query, plan: LevelPlan, parameters: SqlParameters): string {
  const namesChain = comparisons(query.where).some(({ field }) => field === 'chain');
  const { ofSeries } = split(datasetOf(query.dataset), query.where);
  return seriesAsked(
    query,
    plan,
    ofSeries,
    plan.metric === 'tvl' && !namesChain,
    parameters,
  )(SERIES[plan.metric].recorded);
}

function number(sql: string, bound: string): KeyExpression {
  return { sql, type: 'number', nullable: false, bound };
}

function shownColumns(dataset: Dataset): Column[] {
  const names = fieldNames(dataset, (field) => field.history !== undefined);
  return [{ name: 'time', type: 'time' }, ...names.map((name): Column => ({ name, type: known(dataset, name).type }))];
}

function levelField(dataset: Dataset, name: string, fill: string, overTime: OverTime): KeyExpression {
  if (name === 'time') return { sql: 'l.bucket', type: 'time', nullable: false };
  const field = known(dataset, name);
  if (field.history === 'value') return { sql: VALUES[overTime], type: 'number', nullable: fill === 'null' };
  const { type, nullable, isFolded = false } = field;
  return { sql: `l.${name}`, type, nullable, ...(isFolded && { isFolded }) };
}

/** Splits conditions: those on properties of a series select the series; the others select buckets. */
function split(dataset: Dataset, where: Condition | undefined) {
  const isSeries = (part: Condition) =>
    comparisons(part).every(({ field }) => known(dataset, field).history === 'series');
  const parts = conjuncts(where);
  return { ofSeries: parts.filter(isSeries), ofValues: parts.filter((part) => !isSeries(part)) };
}

/** Returns the series' properties that the rest of the query uses; the others are not selected. */
function usedFields(
  query: Query,
  dataset: Dataset,
  ofValues: readonly Condition[],
  shown: readonly Column[],
): string[] {
  const grouped = query.aggregations.length > 0;
  const names = new Set([
    ...(grouped ? query.groupBy : shown.map(({ name }) => name)),
    ...query.aggregations.flatMap(({ field }) => field ?? []),
    ...ofValues.flatMap((part) => comparisons(part).map(({ field }) => field)),
  ]);
  return fieldNames(dataset, (field) => field.history === 'series').filter((name) => names.has(name));
}

/**
 * Values by series that so far only the log contains. New series get negative ids, which no stored series has. Times are
 * rounded to milliseconds as in history, so that a value keeps its time, and does not appear twice, when history stores it.
 */
const tail = ({ metric }: LevelPlan): string => `tail AS MATERIALIZED (
  SELECT coalesce(s.id, -dense_rank() OVER (ORDER BY t.subject, t.chain)::integer) AS series_id, t.subject, t.chain,
    date_trunc('milliseconds', t.at + interval '500 microseconds') AS at, t.value, t.seq
  FROM history_tail t LEFT JOIN metric_series s ON s.metric = '${metric}' AND s.subject = t.subject AND s.chain = t.chain
  WHERE t.metric = '${metric}')`;

/** Series that so far only the tail contains. */
const NEW_SERIES = '(SELECT DISTINCT series_id AS id, subject, chain FROM tail WHERE series_id < 0)';

/** Returns a function that selects the requested series, with their properties, from rows with id, subject and chain. */
function seriesAsked(
  query: Query,
  plan: LevelPlan,
  conditions: readonly Condition[],
  isOfTotals: boolean,
  parameters: SqlParameters,
): (of: string) => string {
  const { from, fields } = SERIES[plan.metric];
  const dataset = datasetOf(query.dataset);
  const lookup = (name: string): KeyExpression => ({
    sql: fields[name] ?? 'NULL',
    type: known(dataset, name).type,
    nullable: known(dataset, name).nullable,
    ...(known(dataset, name).isFolded && { isFolded: true }),
  });
  const where = conditions.map((part) => conditionSql(part, lookup, parameters));
  if (isOfTotals) where.push(`(is_real_chain(r.chain) OR r.chain = 'all')`);
  const columns = ['r.id', ...Object.entries(fields).map(([name, sql]) => `${sql} AS ${name}`)].join(', ');
  const condition = where.length > 0 ? `\n  WHERE ${where.join(' AND ')}` : '';
  return (of) => `SELECT ${columns}\n  FROM ${of} r ${from}${condition}`;
}

/**
 * Returns CTEs with every bucket of every series. With `previous`, a missing value is replaced by the last value before it:
 * a single value from history or the log's tail, or the close of an hour whose single values are no longer kept.
 */
function fillCtes(
  plan: LevelPlan,
  bucket: Bucket,
  { used, showsEnds }: { used: readonly string[]; showsEnds: boolean },
  parameters: SqlParameters,
): string[] {
  const starts = bucketStarts(bucket, plan.from, plan.to, QUERY_LIMITS.filledBuckets);
  const list = parameters.add(
    starts.map((start) => isoTime(start)),
    'timestamptz[]',
  );
  const names = used.map((name) => `s.${name}, `).join('');
  const carried = used.map((name) => `g.${name}, `).join('');
  const grid = `grid AS (
  SELECT s.id AS series_id, ${names}b.bucket, l.close, l.high, l.low, l.mean,
    count(l.close) OVER (PARTITION BY s.id ORDER BY b.bucket) AS run
  FROM series s CROSS JOIN unnest(${list}) AS b (bucket)
  LEFT JOIN levels l ON l.series_id = s.id AND l.bucket = b.bucket)`;
  if (plan.fill === 'null') {
    return [grid, `filled AS (SELECT g.series_id, ${carried}g.bucket, g.close, g.high, g.low, g.mean FROM grid g)`];
  }
  const [from, to, now] = [plan.from, plan.to, plan.carriedUntil].map((at) =>
    parameters.add(isoTime(at), 'timestamptz'),
  );
  // A series whose row was removed has no value at the ends of buckets until its next value.
  const end = `least(${behindSql(bucket, 'g.bucket')}, ${to})`;
  return [
    `gaps AS MATERIALIZED (
  SELECT x.series_id, x.since, x.until FROM history_gaps x WHERE x.series_id IN (SELECT id FROM recorded) AND x.since < ${to})`,
    `late_seeds AS (
  SELECT DISTINCT ON (series_id) series_id, at, seq, value FROM tail WHERE at < ${from} ORDER BY series_id, at DESC, seq DESC)`,
    `seeds AS MATERIALIZED (
  SELECT s.id, CASE WHEN coalesce(p.at, h.at) IS NULL OR (coalesce(p.at, h.at), coalesce(p.seq, 0)) < (t.at, t.seq) THEN t.value
    ELSE coalesce(p.value, h.value) END AS value
  FROM series s LEFT JOIN late_seeds t ON t.series_id = s.id
  LEFT JOIN LATERAL (SELECT q.at, q.seq, q.value FROM metric_points q WHERE q.series_id = s.id AND q.at < ${from}
    ORDER BY q.at DESC, q.seq DESC LIMIT 1) p ON true
  LEFT JOIN LATERAL (SELECT q.closed_at AS at, q.close AS value FROM metric_hourly q
    WHERE p.at IS NULL AND q.series_id = s.id AND q.bucket < ${from} AND q.closed_at < ${from}
    ORDER BY q.bucket DESC LIMIT 1) h ON true)`,
    grid,
    `carried AS (
  SELECT g.series_id, ${carried}g.bucket, g.close, g.high, g.low, g.mean,
    CASE WHEN g.run = 0 THEN seed.value
      ELSE first_value(g.close) OVER (PARTITION BY g.series_id, g.run ORDER BY g.bucket) END AS kept
  FROM grid g JOIN seeds seed ON seed.id = g.series_id)`,
    `filled AS (
  SELECT g.series_id, ${carried}g.bucket, coalesce(g.close, g.kept) AS close, coalesce(g.high, g.kept) AS high,
    coalesce(g.low, g.kept) AS low, coalesce(g.mean, g.kept) AS mean
  FROM carried g WHERE g.kept IS NOT NULL AND (g.close IS NOT NULL OR g.bucket <= ${now})
    AND (${showsEnds ? '' : 'g.close IS NOT NULL OR '}NOT EXISTS (SELECT FROM gaps x WHERE x.series_id = g.series_id
      AND x.since < ${end} AND (x.until IS NULL OR x.until >= ${end})
      AND NOT EXISTS (SELECT FROM tail t WHERE t.series_id = x.series_id AND t.at >= x.since AND t.at < ${end}))))`,
  ];
}
