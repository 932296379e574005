import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import type { Metric } from '../hot-cache/published-value.js';

/** Value of a series. `seq` is the number of the event that published it; 0 for hourly samples and back-filled points. */
export interface SeriesPoint {
  metric: Metric;
  subject: string;
  chain: string;
  /** Time of the point, Unix milliseconds. */
  at: number;
  value: number;
  seq: number;
}

/**
 * Point of an event. An hourly sample taken after the observation but before the event was logged has the previous value.
 */
interface LoggedPoint extends SeriesPoint {
  /** Time at which the event was logged, Unix milliseconds. */
  loggedAt: number;
}

const HOUR_MS = 3_600_000;
/**
 * Delay between observation and logging from which an hourly sample of the same hour can need a correction, ms; such a
 * sample is taken right after a stop.
 */
const LATE_DELAY_MS = 1_000;

/**
 * Writes points, and marks the hours they belong to for the rollups, in the caller's transaction. A point older than the raw
 * history that is kept is only added to the aggregate of its hour, whose points are deleted, so the aggregate cannot be
 * recomputed.
 */
@Injectable()
export class HistoryStore {
  async write(tx: PoolClient, points: readonly SeriesPoint[]): Promise<void> {
    if (points.length === 0) return;
    const columns = [
      points.map((point) => point.metric),
      points.map((point) => point.subject),
      points.map((point) => point.chain),
      points.map((point) => point.at),
      points.map((point) => point.value),
      points.map((point) => point.seq),
    ];
    await tx.query(ADD_SERIES, columns.slice(0, 3));
    await tx.query(ADD_POINTS, columns);
  }

  /** Corrects the hourly samples that were taken after a point's observation and before its event was logged. */
  async correctSamples(tx: PoolClient, points: readonly LoggedPoint[]): Promise<void> {
    const late = points.filter(mayPrecedeSample);
    if (late.length === 0) return;
    await tx.query(CORRECT_SAMPLES, [
      late.map((point) => point.metric),
      late.map((point) => point.subject),
      late.map((point) => point.chain),
      late.map((point) => point.at),
      late.map((point) => point.value),
      late.map((point) => point.seq),
      late.map((point) => point.loggedAt),
    ]);
  }
}

function mayPrecedeSample({ at, loggedAt }: LoggedPoint): boolean {
  return loggedAt - at > LATE_DELAY_MS || Math.floor(at / HOUR_MS) !== Math.floor(loggedAt / HOUR_MS);
}

// Separate from ADD_POINTS: a series that a concurrent transaction inserted is invisible to the statement that conflicted
// with it. NOT EXISTS avoids using up identity values at conflicts.
const ADD_SERIES = `
INSERT INTO metric_series (metric, subject, chain)
SELECT DISTINCT metric, subject, chain FROM unnest($1::text[], $2::text[], $3::text[]) AS given (metric, subject, chain)
WHERE NOT EXISTS (SELECT FROM metric_series s
  WHERE (s.metric, s.subject, s.chain) = (given.metric, given.subject, given.chain))
ON CONFLICT DO NOTHING`;

const ADD_POINTS = `
WITH given AS MATERIALIZED (
  SELECT s.id AS series_id, to_timestamp(p.at / 1000) AS at, p.value, p.seq,
         date_trunc('hour', to_timestamp(p.at / 1000), 'UTC') AS bucket, state.raw_from
  FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::float8[], $6::bigint[])
         AS p (metric, subject, chain, at, value, seq)
  JOIN metric_series s USING (metric, subject, chain)
  CROSS JOIN history_state state
), raw AS (
  INSERT INTO metric_points (series_id, at, seq, value)
  SELECT series_id, at, seq, value FROM given WHERE at >= raw_from
  ON CONFLICT (series_id, at, seq) DO NOTHING
), late AS (
  INSERT INTO metric_hourly AS h (series_id, bucket, open, high, low, close, sum, samples, opened_at, closed_at)
  SELECT series_id, bucket, (array_agg(value ORDER BY at, seq DESC))[1], max(value), min(value),
         (array_agg(value ORDER BY at DESC, seq DESC))[1], sum(value), count(*), min(at), max(at)
  FROM given WHERE at < raw_from GROUP BY series_id, bucket
  ON CONFLICT (series_id, bucket) DO UPDATE SET
    open = CASE WHEN excluded.opened_at <= h.opened_at THEN excluded.open ELSE h.open END,
    high = greatest(h.high, excluded.high), low = least(h.low, excluded.low),
    close = CASE WHEN excluded.closed_at >= h.closed_at THEN excluded.close ELSE h.close END,
    sum = h.sum + excluded.sum, samples = h.samples + excluded.samples,
    opened_at = least(h.opened_at, excluded.opened_at), closed_at = greatest(h.closed_at, excluded.closed_at)
)
INSERT INTO history_dirty (series_id, bucket) SELECT DISTINCT series_id, bucket FROM given`;

// Sets a sample to the value of the newest event observed at or before the sample's time. Points with seq 0 in hours that
// were not sampled are back-filled ones and stay.
const CORRECT_SAMPLES = `
WITH given AS MATERIALIZED (
  SELECT s.id AS series_id, to_timestamp(p.at / 1000) AS at, p.value, p.seq, to_timestamp(p.logged_at / 1000) AS logged_at
  FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::float8[], $6::bigint[], $7::float8[])
         AS p (metric, subject, chain, at, value, seq, logged_at)
  JOIN metric_series s USING (metric, subject, chain)
), corrected AS (
  UPDATE metric_points sample SET value = given.value
  FROM given
  WHERE sample.series_id = given.series_id AND sample.seq = 0 AND sample.at > given.at AND sample.at <= given.logged_at
    AND sample.value <> given.value
    AND date_trunc('hour', sample.at, 'UTC') IN (SELECT hour FROM history_sampled_hours)
    AND NOT EXISTS (SELECT FROM metric_points newer WHERE newer.series_id = given.series_id AND newer.seq > 0
      AND newer.at <= sample.at AND newer.at >= given.at AND (newer.at, newer.seq) > (given.at, given.seq))
  RETURNING sample.series_id, date_trunc('hour', sample.at, 'UTC') AS bucket
)
INSERT INTO history_dirty (series_id, bucket) SELECT DISTINCT series_id, bucket FROM corrected`;
