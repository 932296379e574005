import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Views for queries, in addition to the tables of history: the log as one user may read it, values that the history reader
 * has not written yet, and indexes by time on the aggregates.
 *
 * The role rta_query is for queries of the application only, unlike rta_reader: a setting of the session names the user
 * whose rows it may read.
 */
const up = `
DO $$
BEGIN
  BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rta_query') THEN CREATE ROLE rta_query NOLOGIN; END IF;
  EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
  END;
  BEGIN
    IF NOT pg_has_role('rta_query', 'rta_reader', 'MEMBER') THEN GRANT rta_reader TO rta_query; END IF;
    IF NOT pg_has_role(current_user, 'rta_query', 'MEMBER') THEN GRANT rta_query TO CURRENT_USER; END IF;
  EXCEPTION WHEN unique_violation OR internal_error THEN -- "tuple concurrently updated": another session grants it
    NULL;
  END;
END $$;

-- Same format as in src/events/core/cursor.ts: the epoch and the seq in base 36.
CREATE FUNCTION log_cursor(epoch text, seq bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT epoch || '-' || string_agg(substr('0123456789abcdefghijklmnopqrstuvwxyz', (seq / (36 ^ place)::bigint % 36)::integer + 1, 1),
    '' ORDER BY place DESC) FROM generate_series(0, 10) AS place
$$;

CREATE VIEW readable_events AS
  SELECT seq, log_cursor(epoch, seq) AS cursor, type, protocol, chain, token, name, category, symbol, previous, current,
    CASE WHEN previous <> 0 AND NOT (abs(previous) < 1 AND abs(current) > abs(previous) * 1e300)
      THEN (current - previous) / abs(previous) END AS change,
    moved, volume_24h, market_cap, source, confidence, tags, data, observed_at, logged_at
  FROM event_log
  WHERE (owner IS NULL OR owner = nullif(current_setting('rta.owner', true), ''))
    AND type NOT IN ('tick', 'tvl_baseline', 'price_baseline');
COMMENT ON VIEW readable_events IS 'The log as the user named by rta.owner may see it.';

-- Published values that metric_points does not contain yet. Both together are complete at any time, because the history
-- reader commits its position and its points together. The times are computed as by the history writer.
CREATE VIEW history_tail AS
  SELECT CASE WHEN type LIKE 'tvl%' THEN 'tvl' ELSE 'price' END AS metric,
    CASE WHEN type LIKE 'tvl%' THEN protocol ELSE token END AS subject,
    CASE WHEN type LIKE 'tvl%' THEN chain ELSE '' END AS chain,
    CASE WHEN observed_at > logged_at + interval '5 minutes' THEN logged_at ELSE observed_at END AS at,
    current AS value, seq
  FROM event_log
  WHERE seq > coalesce((SELECT r.seq FROM log_readers r WHERE r.name = 'history'), 0)
    AND type IN ('tvl_change', 'tvl_baseline', 'price_change', 'price_baseline') AND current IS NOT NULL;
COMMENT ON VIEW history_tail IS 'Published values that the reader "history" has not written into metric_points yet.';

-- For pages of rows sorted by time. The bucket and series of a row never change, so its updates need no index entry.
CREATE INDEX metric_hourly_time ON metric_hourly (bucket, series_id);
CREATE INDEX metric_daily_time ON metric_daily (bucket, series_id);

-- Returns the first bin such that at least a share p of the values is in this bin or a lower one. Bins are in ascending
-- order, each with its number of values.
CREATE FUNCTION bin_percentile(bins integer[], counts bigint[], p double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT bin FROM (
    SELECT bin, sum(held) OVER (ORDER BY bin) AS upto, sum(held) OVER () AS total
    FROM unnest(bins, counts) AS binned (bin, held)
  ) counted WHERE upto >= greatest(1, ceil(p * total)) ORDER BY bin LIMIT 1
$$;

CREATE TABLE query_cursor_key (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  secret text NOT NULL DEFAULT gen_random_uuid()::text || gen_random_uuid()::text
);
INSERT INTO query_cursor_key DEFAULT VALUES;
COMMENT ON TABLE query_cursor_key IS 'Signs the cursors of query pages, in every process alike.';

REVOKE ALL ON FUNCTION log_cursor(text, bigint), bin_percentile(integer[], bigint[], double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log_cursor(text, bigint), bin_percentile(integer[], bigint[], double precision) TO rta_query;
GRANT SELECT ON readable_events, history_tail, history_dirty TO rta_query;
GRANT SELECT ON query_cursor_key TO rta_app;
`;

const down = `
DROP TABLE query_cursor_key;
DROP FUNCTION bin_percentile(integer[], bigint[], double precision);
DROP INDEX metric_daily_time, metric_hourly_time;
DROP VIEW history_tail, readable_events;
DROP FUNCTION log_cursor(text, bigint);
REVOKE ALL ON history_dirty FROM rta_query;
`;

export class Query1790000008000 implements MigrationInterface {
  readonly name = 'Query1790000008000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
