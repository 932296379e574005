import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import type { HistoryFamily, HistoryPoint } from '../core/index.js';

export interface BacktestHistory {
  points: HistoryPoint[];
  resolution: 'raw' | 'hourly';
}

/** More points than this are taken hourly, and more hourly ones refused: memory, and the two seconds of an answer. */
const MOST_POINTS = 150_000;

/** Stored history as a rule is fed with it: every published value, or one an hour. */
@Injectable()
export class BacktestHistories {
  constructor(private readonly database: Database) {}

  /** The series between two times (Unix ms), by time. */
  async read(families: readonly HistoryFamily[], from: number, to: number): Promise<BacktestHistory> {
    const ids = await this.series(families);
    if (ids.length === 0) return { points: [], resolution: 'raw' };
    const raw = await this.points(RAW, ids, from, to);
    if (raw !== undefined) return { points: raw, resolution: 'raw' };
    const hourly = await this.points(HOURLY, ids, from, to);
    if (hourly !== undefined) return { points: hourly, resolution: 'hourly' };
    const detail = `More than ${MOST_POINTS} stored values lie in this period; name a protocol or token, or shorten it.`;
    throw new DomainError('limit_exceeded', detail, { field: 'from' });
  }

  private async series(families: readonly HistoryFamily[]): Promise<number[]> {
    const subjects = families.map(({ metric, protocol, token, chain }) => ({
      metric,
      subject: metric === 'tvl' ? protocol : token,
      chain,
    }));
    const rows = await this.database.query<{ id: number }>(SERIES, [JSON.stringify(subjects)]);
    return rows.map(({ id }) => id);
  }

  private async points(sql: string, ids: number[], from: number, to: number): Promise<HistoryPoint[] | undefined> {
    const rows = await this.database.query<PointRow>(sql, [ids, from, to, MOST_POINTS + 1]);
    return rows.length > MOST_POINTS ? undefined : rows.map(pointOf);
  }
}

interface PointRow {
  metric: 'tvl' | 'price';
  subject: string;
  chain: string;
  value: number;
  at: number;
}

function pointOf({ metric, subject, chain, value, at }: PointRow): HistoryPoint {
  const tvl = metric === 'tvl';
  return { metric, protocol: tvl ? subject : null, chain: tvl ? chain : null, token: tvl ? null : subject, value, at };
}

const time = (parameter: string): string => `to_timestamp(${parameter}::float8 / 1000)`;
const millis = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;

const SERIES = `
SELECT DISTINCT s.id FROM metric_series s
JOIN jsonb_to_recordset($1::jsonb) AS f (metric text, subject text, chain text)
  ON s.metric = f.metric AND (f.subject IS NULL OR s.subject = f.subject) AND (f.chain IS NULL OR s.chain = f.chain)
ORDER BY s.id`;

// Before the period only what is needed to know the values at its start and the references of its windows. Hourly
// samples of rows that had not left their dead band (0, in hours that were sampled) made no event and fired nothing.
const RAW = `
SELECT s.metric, s.subject, s.chain, p.value, ${millis('p.at')} AS at
FROM metric_series s
CROSS JOIN LATERAL (
  SELECT coalesce(
    (SELECT at FROM metric_points
     WHERE series_id = s.id AND at < ${time('$2')} AND seq > 0 ORDER BY at DESC LIMIT 1),
    (SELECT max(at) FROM metric_points WHERE series_id = s.id AND at < ${time('$2')})) AS at
) first
CROSS JOIN LATERAL (
  SELECT value, at, seq FROM metric_points
  WHERE series_id = s.id AND at <= ${time('$3')} AND at >= coalesce(first.at, ${time('$2')})
    AND (seq > 0 OR at = first.at
         OR date_trunc('hour', at, 'UTC') NOT IN (SELECT hour FROM history_sampled_hours))
  UNION ALL
  SELECT close, closed_at, 0 FROM metric_hourly
  WHERE series_id = s.id AND bucket >= ${time('$2')} - interval '1 hour' AND closed_at <= ${time('$3')}
    AND closed_at < (SELECT raw_from FROM history_state)
) p
WHERE s.id = ANY ($1::int[]) ORDER BY p.at, p.seq, s.id LIMIT $4`;

const HOURLY = `
SELECT s.metric, s.subject, s.chain, h.close AS value, ${millis('h.closed_at')} AS at
FROM metric_series s JOIN metric_hourly h ON h.series_id = s.id
WHERE s.id = ANY ($1::int[]) AND h.bucket >= ${time('$2')} - interval '1 hour' AND h.closed_at <= ${time('$3')}
ORDER BY h.closed_at, s.id LIMIT $4`;
