import { Injectable } from '@nestjs/common';
import { Counter } from 'prom-client';
import type { ClientBase, PoolClient } from 'pg';
import { Database } from '../../platform/database/database.js';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';

/** Marks processed per transaction, about 50 ms of work. */
const MARKS_PER_STEP = 5_000;

/**
 * Hourly and daily aggregates. Every bucket that is marked is recomputed from its points. Unlike adding up, this is correct
 * for late, corrected and repeated points, and may be repeated after a crash.
 */
@Injectable()
export class Rollups {
  private readonly recomputed: Counter;

  constructor(
    private readonly database: Database,
    metrics: Metrics,
  ) {
    this.recomputed = new Counter({
      ...metricOf('history_rollup_buckets_total'),
      registers: [metrics.registry],
    });
  }

  /** Processes marks in at most `steps` transactions; returns whether no marks were left. */
  async run(steps = 20): Promise<boolean> {
    for (let step = 0; step < steps; step++) {
      const marks = await this.database.transaction((tx) => this.step(tx));
      if (marks < MARKS_PER_STEP) return true;
    }
    return false;
  }

  private async step(tx: PoolClient): Promise<number> {
    await lockRollups(tx);
    const { rows } = await tx.query<{ series: number[]; buckets: Date[]; marks: number }>(TAKE_MARKS, [MARKS_PER_STEP]);
    const [taken] = rows;
    if (!taken || taken.marks === 0) return 0;
    await tx.query(RECOMPUTE_HOURS, [taken.series, taken.buckets]);
    await tx.query(RECOMPUTE_DAYS, [taken.series, taken.buckets]);
    this.recomputed.inc(taken.series.length);
    return taken.marks;
  }
}

/**
 * Locks the recomputation, so that one transaction at a time recomputes and each sees everything that the previous one saw.
 */
export async function lockRollups(tx: ClientBase): Promise<void> {
  await tx.query(`SELECT pg_advisory_xact_lock(hashtext('history_rollups'))`);
}

const TAKE_MARKS = `
WITH taken AS (
  DELETE FROM history_dirty WHERE id IN (SELECT id FROM history_dirty ORDER BY id LIMIT $1) RETURNING series_id, bucket
), buckets AS (SELECT series_id, bucket FROM taken GROUP BY series_id, bucket ORDER BY bucket, series_id)
SELECT (SELECT count(*) FROM taken)::int AS marks, coalesce(array_agg(series_id), '{}') AS series,
       coalesce(array_agg(bucket), '{}') AS buckets
FROM buckets`;

/**
 * Aggregate columns over points `p`, in the order of the tables' columns. Of several points with the same time, the one with the
 * highest seq counts as open and close.
 */
export const OF_POINTS = `
(array_agg(p.value ORDER BY p.at, p.seq DESC))[1] AS open, max(p.value) AS high, min(p.value) AS low,
(array_agg(p.value ORDER BY p.at DESC, p.seq DESC))[1] AS close, sum(p.value) AS sum, count(*)::int AS samples,
min(p.at) AS opened_at, max(p.at) AS closed_at`;

/** Aggregate columns over hourly rows `h`, in the order of the tables' columns. */
const OF_HOURS = `
(array_agg(h.open ORDER BY h.bucket))[1] AS open, max(h.high) AS high, min(h.low) AS low,
(array_agg(h.close ORDER BY h.bucket DESC))[1] AS close, sum(h.sum) AS sum, sum(h.samples)::int AS samples,
min(h.opened_at) AS opened_at, max(h.closed_at) AS closed_at`;

export const REPLACE_BUCKET = `
ON CONFLICT (series_id, bucket) DO UPDATE SET open = excluded.open, high = excluded.high, low = excluded.low,
  close = excluded.close, sum = excluded.sum, samples = excluded.samples,
  opened_at = excluded.opened_at, closed_at = excluded.closed_at`;

export const BUCKET_COLUMNS = 'series_id, bucket, open, high, low, close, sum, samples, opened_at, closed_at';

const RECOMPUTE_HOURS = `
INSERT INTO metric_hourly (${BUCKET_COLUMNS})
SELECT b.series_id, b.bucket, a.*
FROM unnest($1::int[], $2::timestamptz[]) AS b (series_id, bucket)
CROSS JOIN LATERAL (
  SELECT ${OF_POINTS} FROM metric_points p
  WHERE p.series_id = b.series_id AND p.at >= b.bucket AND p.at < b.bucket + interval '1 hour'
) a
WHERE a.samples > 0 AND b.bucket >= (SELECT raw_from FROM history_state)
${REPLACE_BUCKET}`;

const RECOMPUTE_DAYS = `
INSERT INTO metric_daily (${BUCKET_COLUMNS})
SELECT b.series_id, b.day, a.*
FROM (SELECT DISTINCT series_id, date_trunc('day', bucket, 'UTC') AS day
      FROM unnest($1::int[], $2::timestamptz[]) AS hours (series_id, bucket)) b
CROSS JOIN LATERAL (
  SELECT ${OF_HOURS} FROM metric_hourly h
  WHERE h.series_id = b.series_id AND h.bucket >= b.day AND h.bucket < b.day + interval '24 hours'
) a
WHERE a.samples > 0
${REPLACE_BUCKET}`;
