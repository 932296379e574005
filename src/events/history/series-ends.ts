import type { PoolClient } from 'pg';
import type { Metric } from '../hot-cache/published-value.js';
import type { SeriesPoint } from './history-store.js';

/** Removal of a row, as recorded in the log. */
interface SeriesEnd {
  metric: Metric;
  subject: string;
  chain: string;
  /** Unix milliseconds. */
  at: number;
  seq: number;
}

/**
 * Records the ends of series, so that the last value of a removed row is not used after the removal. Must be called in the
 * caller's transaction after the points were written.
 */
export async function writeEnds(
  tx: PoolClient,
  points: readonly SeriesPoint[],
  ends: readonly SeriesEnd[],
): Promise<void> {
  if (ends.length > 0) await tx.query(ADD_ENDS, [JSON.stringify(ends)]);
  if (points.length === 0) return;
  const { rows } = await tx.query(ANY_END);
  if (rows.length > 0) await tx.query(LIFT_ENDS, [JSON.stringify(points)]);
}

/** End of a series. It is later than every value published before the removal, even one observed slightly ahead of it. */
const ADD_ENDS = `
INSERT INTO history_ends AS held (series_id, hour, at, seq)
SELECT DISTINCT ON (s.id, hour) s.id, hour, e.at, given.seq
FROM jsonb_to_recordset($1) AS given (metric text, subject text, chain text, at float8, seq bigint)
JOIN metric_series s USING (metric, subject, chain)
CROSS JOIN LATERAL (
  SELECT greatest(to_timestamp(given.at / 1000), (SELECT p.at FROM metric_points p
    WHERE p.series_id = s.id AND p.seq < given.seq ORDER BY p.at DESC LIMIT 1) + interval '1 millisecond') AS at
) e
CROSS JOIN LATERAL date_trunc('hour', e.at, 'UTC') AS hour
ORDER BY s.id, hour, given.seq DESC
ON CONFLICT (series_id, hour) DO UPDATE SET at = excluded.at, seq = excluded.seq WHERE held.seq < excluded.seq`;

const ANY_END = 'SELECT FROM history_ends LIMIT 1';

/**
 * Deletes the end of a series whose row was inserted again with an observation from before the removal: the row then counts
 * as never removed.
 */
const LIFT_ENDS = `
DELETE FROM history_ends held
USING jsonb_to_recordset($1) AS given (metric text, subject text, chain text, at float8, seq bigint), metric_series s
WHERE (s.metric, s.subject, s.chain) = (given.metric, given.subject, given.chain) AND held.series_id = s.id
  AND held.seq < given.seq AND held.at > to_timestamp(given.at / 1000)`;
