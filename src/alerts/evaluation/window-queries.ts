/**
 * Protocol or token whose history is needed, with the ids of all its series; `seconds` is the length of the longest
 * window.
 */
export interface Subject {
  metric: 'tvl' | 'price';
  subject: string;
  seconds: number;
  ids: number[];
}

/** Stored value. `seq` is 0 if the value was never in the log; `subject` is the index of its subject in the query. */
export interface StoredValue {
  id: number;
  subject: number;
  chain: string;
  value: number;
  /** Time of observation, Unix ms. */
  at: number;
  seq: number;
}

const millis = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;

// $1: needs, null matches all; $2: keys that so far only the log has.
export const SUBJECTS = `
WITH series AS (
  SELECT metric, subject, chain FROM metric_series
  UNION SELECT * FROM jsonb_to_recordset($2::jsonb) AS k (metric text, subject text, chain text)
), needs AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset($1::jsonb) AS n (metric text, subject text, chain text, seconds float8)
), wanted AS (
  SELECT s.metric, s.subject, n.seconds FROM needs n JOIN series s ON s.metric = n.metric AND s.subject = n.subject
  WHERE n.chain IS NULL OR s.chain = n.chain
  UNION ALL
  SELECT s.metric, s.subject, n.seconds FROM needs n JOIN series s ON s.metric = n.metric
  WHERE n.subject IS NULL AND (n.chain IS NULL OR s.chain = n.chain)
)
SELECT w.metric, w.subject, max(w.seconds) AS seconds,
       ARRAY(SELECT id FROM metric_series s WHERE s.metric = w.metric AND s.subject = w.subject ORDER BY id) AS ids
FROM wanted w GROUP BY w.metric, w.subject ORDER BY w.metric, w.subject`;

// All published values from the last one at or before the start. If the newest value is older than the raw history,
// published_values has it. Hourly samples (seq 0) were never published; like the closing values of hours whose raw points
// are deleted, they are used only in place of a value that no table has any more.
export const STORED_VALUES = `
WITH wanted AS MATERIALIZED (
  SELECT g.id, g.subject, to_timestamp(g.start / 1000) AS start, s.chain,
         v.value AS newest, v.observed_at AS newest_at, v.seq AS newest_seq
  FROM unnest($1::int[], $2::int[], $3::float8[]) AS g (id, subject, start)
  JOIN metric_series s ON s.id = g.id
  LEFT JOIN published_values v ON (v.metric, v.subject, v.chain) = (s.metric, s.subject, s.chain) AND v.seq <= $4
)
SELECT w.id, w.subject, w.chain, p.value, ${millis('p.at')} AS at, p.seq::float8 AS seq
FROM wanted w
CROSS JOIN LATERAL (
  SELECT coalesce(
    (SELECT at FROM metric_points
     WHERE series_id = w.id AND at <= w.start AND seq > 0 AND seq <= $4 ORDER BY at DESC LIMIT 1),
    CASE WHEN w.newest_at <= w.start THEN w.newest_at END) AS at
) reference
CROSS JOIN LATERAL (
  SELECT value, at, seq FROM metric_points
  WHERE series_id = w.id AND at >= coalesce(reference.at, w.start) AND seq > 0 AND seq <= $4
  UNION SELECT w.newest, w.newest_at, w.newest_seq WHERE w.newest_at <= w.start
  UNION ALL
  SELECT value, at, 0 FROM metric_points
  WHERE reference.at IS NULL AND series_id = w.id AND seq = 0
    AND at >= coalesce((SELECT max(at) FROM metric_points WHERE series_id = w.id AND at <= w.start), w.start)
    AND at < coalesce((SELECT min(at) FROM metric_points
                       WHERE series_id = w.id AND at > w.start AND seq > 0 AND seq <= $4), 'infinity')
  UNION ALL
  SELECT close, closed_at, 0 FROM metric_hourly
  WHERE reference.at IS NULL AND series_id = w.id AND closed_at < (SELECT raw_from FROM history_state)
    AND bucket >= coalesce(
      (SELECT max(bucket) FROM metric_hourly WHERE series_id = w.id AND bucket <= w.start - interval '1 hour'),
      w.start - interval '1 hour')
) p`;

// Value at a position of the log, for series whose observations have the order of the log.
export const EARLIER_VALUES = `
SELECT g.id, g.subject, s.chain, p.value, ${millis('p.at')} AS at, p.seq::float8 AS seq
FROM unnest($1::int[], $2::int[], $3::float8[], $4::bigint[]) AS g (id, subject, start, before)
JOIN metric_series s ON s.id = g.id
CROSS JOIN LATERAL (
  SELECT value, at, seq FROM metric_points
  WHERE series_id = g.id AND at <= to_timestamp(g.start / 1000) AND seq > 0 AND seq < g.before
  ORDER BY at DESC, seq DESC LIMIT 1
) p`;
