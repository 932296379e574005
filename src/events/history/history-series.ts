import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { ALL_CHAINS, isRealChain } from '../core/names.js';
import type { Metric } from '../hot-cache/published-value.js';

/** The series that answer for a key: one, or those of a protocol's real chains. */
export interface KeySeries {
  ids: number[];
  chains: string[];
}

/** A slice of history, oldest first. Times are Unix milliseconds; `from` is included, `to` not. */
export interface Slice {
  from: number;
  to: number;
  limit: number;
  /** Continue behind this point: its time, and for raw history its sequence number. */
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
 * Reads of stored history by key. The total of several series is, at any time, the sum of what each was worth then: its
 * last value at or before. Levels are never summed over time.
 */
@Injectable()
export class HistorySeries {
  constructor(private readonly database: Database) {}

  /** Undefined when nothing was ever recorded. `chain` null with `tvl`: the protocol's total. */
  async find(metric: Metric, subject: string, chain: string | null): Promise<KeySeries | undefined> {
    const rows = await this.database.query<{ id: number; chain: string }>(
      'SELECT id, chain FROM metric_series WHERE metric = $1 AND subject = $2 ORDER BY chain',
      [metric, subject],
    );
    const chosen = metric === 'price' ? rows : chosenChains(rows, chain);
    if (chosen.length === 0) return undefined;
    return { ids: chosen.map((row) => row.id), chains: chosen.map((row) => row.chain).filter((name) => name !== '') };
  }

  async raw({ ids }: KeySeries, slice: Slice): Promise<RawRow[]> {
    const { from, to, limit, after } = slice;
    const [only] = ids;
    if (ids.length === 1) {
      return await this.database.query(RAW_OF_ONE, [only, from, to, after?.at ?? null, after?.seq ?? null, limit]);
    }
    return await this.database.query(RAW_OF_MANY, [ids, from, to, after?.at ?? null, limit]);
  }

  async buckets(interval: '1h' | '1d', { ids }: KeySeries, slice: Slice): Promise<BucketRow[]> {
    const { from, to, limit, after } = slice;
    const values = [ids.length === 1 ? ids[0] : ids, from, to, after?.at ?? null, limit];
    const sql = ids.length === 1 ? BUCKETS_OF_ONE : BUCKETS_OF_MANY;
    return await this.database.query(sql[interval], values);
  }
}

function chosenChains<T extends { chain: string }>(rows: T[], chain: string | null): T[] {
  if (chain !== null) return rows.filter((row) => row.chain === chain);
  const real = rows.filter((row) => isRealChain(row.chain));
  return real.length > 0 ? real : rows.filter((row) => row.chain === ALL_CHAINS);
}

const time = (parameter: string) => `to_timestamp(${parameter}::float8 / 1000)`;
const millis = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`;

// `at >= …` beside the row comparison gives the index a bound to start from; alone the comparison would read and discard.
const RAW_OF_ONE = `
SELECT ${millis('at')} AS at, seq, value FROM metric_points
WHERE series_id = $1 AND at >= greatest(${time('$2')}, ${time('$4')}) AND at < ${time('$3')}
  AND ($4::float8 IS NULL OR (at, seq) > (${time('$4')}, $5::bigint))
ORDER BY at, seq LIMIT $6`;

const RAW_OF_MANY = `
WITH times AS (
  SELECT DISTINCT at FROM metric_points
  WHERE series_id = ANY ($1::int[]) AND at >= greatest(${time('$2')}, ${time('$4')}) AND at < ${time('$3')}
    AND ($4::float8 IS NULL OR at > ${time('$4')})
  ORDER BY at LIMIT $5
)
SELECT ${millis('times.at')} AS at, 0 AS seq, sum(level.value) AS value
FROM times CROSS JOIN unnest($1::int[]) AS series (id)
CROSS JOIN LATERAL (
  SELECT p.value FROM metric_points p WHERE p.series_id = series.id AND p.at <= times.at
  ORDER BY p.at DESC, p.seq DESC LIMIT 1
) level
GROUP BY times.at ORDER BY times.at`;

/** A bucket that holds the start of the range is part of it. */
const bucketRange = (unit: string) => `
bucket >= date_trunc('${unit}', ${time('$2')}, 'UTC') AND bucket < ${time('$3')}
AND ($4::float8 IS NULL OR bucket > ${time('$4')})`;

const bucketsOfOne = (table: string, unit: string) => `
SELECT ${millis('bucket')} AS at, open, high, low, close, sum / samples AS average, samples FROM ${table}
WHERE series_id = $1 AND ${bucketRange(unit)}
ORDER BY bucket LIMIT $5`;

const bucketsOfMany = (table: string, unit: string) => `
WITH buckets AS (
  SELECT DISTINCT bucket FROM ${table} WHERE series_id = ANY ($1::int[]) AND ${bucketRange(unit)}
  ORDER BY bucket LIMIT $5
)
SELECT ${millis('buckets.bucket')} AS at, sum(CASE WHEN last.bucket = buckets.bucket THEN last.open ELSE last.close END) AS open,
       sum(last.close) AS close, NULL::float8 AS high, NULL::float8 AS low, NULL::float8 AS average,
       coalesce(sum(last.samples) FILTER (WHERE last.bucket = buckets.bucket), 0)::int AS samples
FROM buckets CROSS JOIN unnest($1::int[]) AS series (id)
CROSS JOIN LATERAL (
  SELECT h.bucket, h.open, h.close, h.samples FROM ${table} h
  WHERE h.series_id = series.id AND h.bucket <= buckets.bucket ORDER BY h.bucket DESC LIMIT 1
) last
GROUP BY buckets.bucket ORDER BY buckets.bucket`;

const BUCKETS_OF_ONE = { '1h': bucketsOfOne('metric_hourly', 'hour'), '1d': bucketsOfOne('metric_daily', 'day') };
const BUCKETS_OF_MANY = { '1h': bucketsOfMany('metric_hourly', 'hour'), '1d': bucketsOfMany('metric_daily', 'day') };
