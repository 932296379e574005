import pg from 'pg';
import { APP_ROLE, valueTypes, sessionUrl } from '../../platform/database/connection-options.js';
import type { HistoryFamily, HistoryPoint } from '../core/index.js';

export interface BacktestHistory {
  points: HistoryPoint[];
  resolution: 'raw' | 'hourly';
}

/**
 * Maximum number of points of a backtest. If there are more raw points, the hourly ones are read instead; if there are
 * more hourly points or more series, the backtest is refused. Bounds memory and the duration of the request.
 */
export const MAX_POINTS = 150_000;
const STATEMENT_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Returns the values of the series between two times (Unix ms), sorted by time: every published value, or one per hour;
 * undefined if both exceed MAX_POINTS. Uses a separate connection, which ends with the worker thread.
 */
export async function readHistory(
  databaseUrl: string,
  families: readonly HistoryFamily[],
  from: number,
  to: number,
): Promise<BacktestHistory | undefined> {
  const options = `-c role=${APP_ROLE} -c statement_timeout=${STATEMENT_TIMEOUT_MS} -c client_connection_check_interval=1000`;
  const client = new pg.Client({
    connectionString: sessionUrl(databaseUrl, options),
    application_name: 'defi-realtime backtest',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    types: valueTypes,
  });
  await client.connect();
  try {
    const series = await seriesOf(client, families);
    if (series.size === 0) return { points: [], resolution: 'raw' };
    if (series.size > MAX_POINTS) return undefined;
    return (await pointsOf(client, RAW, series, from, to)) ?? (await pointsOf(client, HOURLY, series, from, to));
  } finally {
    await client.end();
  }
}

type Series = Pick<HistoryPoint, 'metric' | 'protocol' | 'chain' | 'token' | 'category' | 'tags'>;

async function seriesOf(client: pg.Client, families: readonly HistoryFamily[]): Promise<Map<number, Series>> {
  const subjects = families.map(({ metric, protocol, token, chain }) => ({
    metric,
    subject: metric === 'tvl' ? protocol : token,
    chain,
  }));
  const { rows } = await client.query<SeriesRow>(SERIES, [JSON.stringify(subjects), MAX_POINTS + 1]);
  return new Map(rows.map((row) => [row.id, seriesOfRow(row)]));
}

interface SeriesRow {
  id: number;
  metric: 'tvl' | 'price';
  subject: string;
  chain: string;
  /** Current category; history contains neither past categories nor past tags. */
  category: string | null;
  tags: string[];
}

function seriesOfRow({ metric, subject, chain, category, tags }: SeriesRow): Series {
  const tvl = metric === 'tvl';
  return {
    metric,
    protocol: tvl ? subject : null,
    chain: tvl ? chain : null,
    token: tvl ? null : subject,
    category,
    tags,
  };
}

/**
 * Reads the points. A row has only the id of its series: with names in each of 150,000 rows, these took most of the
 * memory. Rows are sorted here, so that the database can stop after MAX_POINTS + 1 rows instead of sorting millions.
 */
async function pointsOf(
  client: pg.Client,
  sql: string,
  series: ReadonlyMap<number, Series>,
  from: number,
  to: number,
): Promise<BacktestHistory | undefined> {
  const values = [[...series.keys()], from, to, MAX_POINTS + 1];
  const { rows } = await client.query<PointRow>({ text: sql, values, rowMode: 'array' });
  if (rows.length > MAX_POINTS) return undefined;
  rows.sort(byTime);
  const points = rows.flatMap(([id, value, at]) => {
    const of = series.get(id);
    return of === undefined ? [] : [{ ...of, value, at }];
  });
  return { points, resolution: rows.some(([, , at, isHourly]) => isHourly && at >= from) ? 'hourly' : 'raw' };
}

type PointRow = [id: number, value: number, at: number, isHourly: boolean, seq: number];

/** Compares by time, then by position in the log. */
function byTime([id, , at, , seq]: PointRow, [otherId, , otherAt, , otherSeq]: PointRow): number {
  return at - otherAt || seq - otherSeq || id - otherId;
}

const time = (parameter: string): string => `to_timestamp(${parameter}::float8 / 1000)`;
const millis = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;

const SERIES = `
SELECT s.id, s.metric, s.subject, s.chain, o.category, coalesce(v.tags, '{}') AS tags FROM metric_series s
LEFT JOIN published_values v USING (metric, subject, chain)
LEFT JOIN protocols o ON s.metric = 'tvl' AND o.slug = s.subject
WHERE EXISTS (
  SELECT FROM jsonb_to_recordset($1::jsonb) AS f (metric text, subject text, chain text)
  WHERE s.metric = f.metric AND (f.subject IS NULL OR s.subject = f.subject) AND (f.chain IS NULL OR s.chain = f.chain)
) LIMIT $2`;

/**
 * First hour to read of a series: the hour of its last value before the period, which is the value at the start of the
 * period.
 */
const firstHour = `coalesce(
  (SELECT max(bucket) FROM metric_hourly WHERE series_id = s.id AND bucket < ${time('$2')} AND closed_at < ${time('$2')}),
  ${time('$2')} - interval '1 hour')`;

// Before the period, only the value at its start and the references of windows are read, from hourly values if the raw
// ones have been deleted. Hourly samples (seq 0) are left out for hours that were sampled: these rows had not left their
// dead band, so no event was published and no rule fired.
const RAW = `
SELECT s.id, p.value, ${millis('p.at')} AS at, p.is_hourly, p.seq::float8
FROM metric_series s
CROSS JOIN LATERAL (
  SELECT coalesce(
    (SELECT at FROM metric_points
     WHERE series_id = s.id AND at < ${time('$2')} AND seq > 0 ORDER BY at DESC LIMIT 1),
    (SELECT max(at) FROM metric_points WHERE series_id = s.id AND at < ${time('$2')})) AS at
) first
CROSS JOIN LATERAL (
  SELECT value, at, seq, false AS is_hourly FROM metric_points
  WHERE series_id = s.id AND at <= ${time('$3')} AND at >= coalesce(first.at, ${time('$2')})
    AND (seq > 0 OR at = first.at
         OR date_trunc('hour', at, 'UTC') NOT IN (SELECT hour FROM history_sampled_hours))
  UNION ALL
  SELECT close, closed_at, 0, true FROM metric_hourly
  WHERE first.at IS NULL AND series_id = s.id AND bucket >= ${firstHour} AND closed_at <= ${time('$3')}
    AND closed_at < (SELECT raw_from FROM history_state)
) p
WHERE s.id = ANY ($1::int[]) LIMIT $4`;

const HOURLY = `
WITH begun AS MATERIALIZED (SELECT s.id, ${firstHour} AS hour FROM metric_series s WHERE s.id = ANY ($1::int[]))
SELECT b.id, h.close AS value, ${millis('h.closed_at')} AS at, true AS is_hourly, 0 AS seq
FROM begun b JOIN metric_hourly h ON h.series_id = b.id AND h.bucket >= b.hour
WHERE h.closed_at <= ${time('$3')} LIMIT $4`;
