import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { ALL_CHAINS, isRealChain } from '../core/names.js';
import type { Metric } from '../hot-cache/published-value.js';

/** Series of a key: one, or those of a protocol's real chains. */
export interface KeySeries {
  ids: number[];
  chains: string[];
  /** Series that the source gave as the whole until the first value of a real chain: that past is the total's. */
  before?: { id: number; until: number };
}

/** Range of history, oldest first. Times are Unix milliseconds; `from` is included, `to` not. */
export interface Slice {
  from: number;
  to: number;
  limit: number;
  /** Point to continue after: its time, and for raw history its sequence number. */
  after?: { at: number; seq: number };
}

export interface RawRow {
  at: number;
  seq: number;
  value: number;
}

export interface BucketRow {
  at: number;
  open: number;
  close: number;
  high: number | null;
  low: number | null;
  average: number | null;
  samples: number;
}

/**
 * Reads of stored history by key. The total of several series is, at any time, the sum of their values then: each one's last
 * value at or before. Levels are never summed over time.
 */
@Injectable()
export class HistorySeries {
  constructor(private readonly database: Database) {}

  /** Finds the series of a key; undefined when nothing was ever recorded. `chain` null with `tvl`: the protocol's total. */
  async find(metric: Metric, subject: string, chain: string | null): Promise<KeySeries | undefined> {
    const rows = await this.database.query<{ id: number; chain: string }>(
      'SELECT id, chain FROM metric_series WHERE metric = $1 AND subject = $2 ORDER BY chain',
      [metric, subject],
    );
    const chosen = metric === 'price' ? rows : chosenChains(rows, chain);
    if (chosen.length === 0) return undefined;
    const ids = chosen.map((row) => row.id);
    const chains = chosen.map((row) => row.chain).filter((name) => name !== '');
    const whole = chain === null && rows.find((row) => row.chain === ALL_CHAINS);
    if (!whole || chains.includes(ALL_CHAINS)) return { ids, chains };
    const [first] = await this.database.query<{ until: number | null }>(FIRST_VALUE, [ids]);
    return { ids, chains, before: { id: whole.id, until: first?.until ?? LAST_TIME } };
  }

  /** Returns the time since which single values are kept. */
  async rawFrom(): Promise<number> {
    const [row] = await this.database.query<{ raw_from: number }>(RAW_FROM);
    return row?.raw_from ?? 0;
  }

  async raw({ ids, before }: KeySeries, slice: Slice): Promise<RawRow[]> {
    if (before === undefined) return await this.rawOf(ids, slice);
    const past = await this.rawOf([before.id], { ...slice, to: Math.min(slice.to, before.until) });
    if (past.length >= slice.limit) return past;
    const present = { ...slice, from: Math.max(slice.from, before.until), limit: slice.limit - past.length };
    return [...past, ...(await this.rawOf(ids, present))];
  }

  /**
   * Reads buckets. If the range ends inside a bucket, that bucket covers the part before the end, if single values are kept
   * since then.
   */
  async buckets(interval: '1h' | '1d', { ids, before }: KeySeries, slice: Slice): Promise<BucketRow[]> {
    const change = before === undefined ? -Infinity : startOf(interval, before.until);
    const past =
      before === undefined
        ? []
        : await this.bucketsOf(interval, [before.id], { ...slice, to: Math.min(slice.to, change) });
    const rows = past;
    if (past.length < slice.limit && slice.to > change) {
      const of = before !== undefined && before.until >= slice.to ? [before.id] : ids;
      const present = { ...slice, from: Math.max(slice.from, change), limit: slice.limit - past.length };
      rows.push(...(await this.bucketsOf(interval, of, present)));
    }
    return rows;
  }

  private async bucketsOf(interval: '1h' | '1d', ids: readonly number[], slice: Slice): Promise<BucketRow[]> {
    if (slice.from >= slice.to) return [];
    const { from, to, limit, after } = slice;
    const last = startOf(interval, to);
    const values = [ids.length === 1 ? ids[0] : ids, from, last, after?.at ?? null, limit];
    const sql = ids.length === 1 ? BUCKETS_OF_ONE : BUCKETS_OF_MANY;
    const rows = await this.database.query<BucketRow>(sql[interval], values);
    if (last === to || rows.length >= limit || (after !== undefined && after.at >= last)) return rows;
    return [...rows, ...(await this.database.query<BucketRow>(OPEN_BUCKET, [ids, last, startOf('1h', to), to]))];
  }

  private async rawOf(ids: readonly number[], slice: Slice): Promise<RawRow[]> {
    if (slice.from >= slice.to) return [];
    const { from, to, limit, after } = slice;
    const [only] = ids;
    if (ids.length === 1) {
      return await this.database.query(RAW_OF_ONE, [only, from, to, after?.at ?? null, after?.seq ?? null, limit]);
    }
    return await this.database.query(RAW_OF_MANY, [ids, from, to, after?.at ?? null, limit]);
  }
}

/** Latest time that a Date can hold. */
const LAST_TIME = 8.64e15;
const UNIT_MS = { '1h': 3_600_000, '1d': 86_400_000 } as const;

/** Returns the start of the bucket of a moment. */
export function startOf(interval: '1h' | '1d', time: number): number {
  return time - (time % UNIT_MS[interval]);
}

function chosenChains<T extends { chain: string }>(rows: T[], chain: string | null): T[] {
  if (chain !== null) return rows.filter((row) => row.chain === chain);
  const real = rows.filter((row) => isRealChain(row.chain));
  return real.length > 0 ? real : rows.filter((row) => row.chain === ALL_CHAINS);
}

const time = (parameter: string) => `to_timestamp(${parameter}::float8 / 1000)`;
const millis = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`;

// Bound `at >= …` beside the row comparison: it gives the index a start; the comparison alone would read and discard.
const RAW_OF_ONE = `
SELECT ${millis('at')} AS at, seq, value FROM metric_points
WHERE series_id = $1 AND at >= greatest(${time('$2')}, ${time('$4')}) AND at < ${time('$3')}
  AND ($4::float8 IS NULL OR (at, seq) > (${time('$4')}, $5::bigint))
ORDER BY at, seq LIMIT $6`;

/** Times without a row of the requested series ($1). */
const GAPS = `gaps AS MATERIALIZED (SELECT series_id, since, until FROM history_gaps WHERE series_id = ANY ($1::int[]))`;

/** Whether the row of a series was removed before a moment and not written again by then. */
const isGone = (series: string, moment: string, back = '>=') => `EXISTS (SELECT FROM gaps x
  WHERE x.series_id = ${series} AND x.since < ${moment} AND (x.until IS NULL OR x.until ${back} ${moment}))`;

// Total of several series. A series whose last value is older than the kept single values counts with its last hourly close.
const RAW_OF_MANY = `
WITH ${GAPS}, times AS (
  SELECT DISTINCT at FROM metric_points
  WHERE series_id = ANY ($1::int[]) AND at >= greatest(${time('$2')}, ${time('$4')}) AND at < ${time('$3')}
    AND ($4::float8 IS NULL OR at > ${time('$4')})
  ORDER BY at LIMIT $5
)
SELECT ${millis('times.at')} AS at, 0 AS seq, sum(level.value) AS value
FROM times CROSS JOIN unnest($1::int[]) AS series (id)
CROSS JOIN LATERAL (
  SELECT coalesce(
    (SELECT p.value FROM metric_points p WHERE p.series_id = series.id AND p.at <= times.at
     ORDER BY p.at DESC, p.seq DESC LIMIT 1),
    (SELECT h.close FROM metric_hourly h WHERE h.series_id = series.id AND h.closed_at <= times.at AND h.bucket <= times.at
     ORDER BY h.bucket DESC LIMIT 1)) AS value
) level
WHERE NOT ${isGone('series.id', 'times.at', '>')}
GROUP BY times.at ORDER BY times.at`;

/** Range of buckets, including the one that holds the start of the range. */
const bucketRange = (unit: string) => `
bucket >= date_trunc('${unit}', ${time('$2')}, 'UTC') AND bucket < ${time('$3')}
AND ($4::float8 IS NULL OR bucket > ${time('$4')})`;

const bucketsOfOne = (table: string, unit: string) => `
SELECT ${millis('bucket')} AS at, open, high, low, close, sum / samples AS average, samples FROM ${table}
WHERE series_id = $1 AND ${bucketRange(unit)}
ORDER BY bucket LIMIT $5`;

const bucketsOfMany = (table: string, unit: string, length: string) => `
WITH ${GAPS}, buckets AS (
  SELECT DISTINCT bucket FROM ${table} WHERE series_id = ANY ($1::int[]) AND ${bucketRange(unit)}
  ORDER BY bucket LIMIT $5
)
SELECT ${millis('buckets.bucket')} AS at,
       sum(CASE WHEN last.bucket = buckets.bucket THEN last.open ELSE last.close END) FILTER (WHERE last.bucket = buckets.bucket
         OR NOT ${isGone('series.id', 'buckets.bucket')}) AS open,
       coalesce(sum(last.close) FILTER (WHERE NOT ${isGone('series.id', `buckets.bucket + interval '${length}'`)}),
         sum(last.close)) AS close,
       NULL::float8 AS high, NULL::float8 AS low, NULL::float8 AS average,
       coalesce(sum(last.samples) FILTER (WHERE last.bucket = buckets.bucket), 0)::int AS samples
FROM buckets CROSS JOIN unnest($1::int[]) AS series (id)
CROSS JOIN LATERAL (
  SELECT h.bucket, h.open, h.close, h.samples FROM ${table} h
  WHERE h.series_id = series.id AND h.bucket <= buckets.bucket ORDER BY h.bucket DESC LIMIT 1
) last
GROUP BY buckets.bucket ORDER BY buckets.bucket`;

/** Time of the first value of several series, Unix milliseconds. */
const FIRST_VALUE = `
SELECT ${millis('min(first.at)')} AS until FROM unnest($1::int[]) AS series (id) CROSS JOIN LATERAL (
  (SELECT p.at FROM metric_points p WHERE p.series_id = series.id ORDER BY p.at LIMIT 1)
  UNION ALL (SELECT h.opened_at FROM metric_hourly h WHERE h.series_id = series.id ORDER BY h.bucket LIMIT 1)
) first`;

const RAW_FROM = `SELECT ${millis('raw_from')} AS raw_from FROM history_state`;

/** Part of the bucket from $2 that is before $4: its whole hours, and single values behind the last of them ($3). */
const OPEN_BUCKET = `
WITH ${GAPS}
SELECT ${millis(time('$2'))} AS at,
       sum(coalesce(own.open, earlier.value)) FILTER (WHERE own.samples > 0 OR NOT ${isGone('series.id', time('$2'))}) AS open,
       coalesce(sum(coalesce(own.close, earlier.value)) FILTER (WHERE cardinality($1::int[]) = 1
         OR NOT ${isGone('series.id', time('$4'))}), sum(coalesce(own.close, earlier.value))) AS close,
       CASE WHEN cardinality($1::int[]) = 1 THEN max(own.high) END AS high,
       CASE WHEN cardinality($1::int[]) = 1 THEN min(own.low) END AS low,
       CASE WHEN cardinality($1::int[]) = 1 THEN sum(own.sum) / sum(own.samples) END AS average,
       sum(own.samples)::int AS samples
FROM unnest($1::int[]) AS series (id)
CROSS JOIN LATERAL (
  SELECT (array_agg(part.open ORDER BY part.opened_at, part.first))[1] AS open, max(part.high) AS high, min(part.low) AS low,
    (array_agg(part.close ORDER BY part.closed_at DESC, part.last DESC))[1] AS close, sum(part.sum) AS sum,
    sum(part.samples) AS samples
  FROM (
    SELECT open, high, low, close, sum, samples, opened_at, closed_at, 0 AS first, 0 AS last FROM metric_hourly
    WHERE series_id = series.id AND bucket >= ${time('$2')} AND bucket < ${time('$3')}
    UNION ALL
    SELECT value, value, value, value, value, 1, at, at, seq, seq FROM metric_points
    WHERE series_id = series.id AND at >= greatest(${time('$2')}, ${time('$3')}) AND at < ${time('$4')}
  ) part
) own
LEFT JOIN LATERAL (
  SELECT h.close AS value FROM metric_hourly h WHERE h.series_id = series.id AND h.bucket < ${time('$2')}
  ORDER BY h.bucket DESC LIMIT 1
) earlier ON own.samples IS NULL
HAVING sum(own.samples) > 0`;

const BUCKETS_OF_ONE = { '1h': bucketsOfOne('metric_hourly', 'hour'), '1d': bucketsOfOne('metric_daily', 'day') };
const BUCKETS_OF_MANY = {
  '1h': bucketsOfMany('metric_hourly', 'hour', '1 hour'),
  '1d': bucketsOfMany('metric_daily', 'day', '24 hours'),
};
