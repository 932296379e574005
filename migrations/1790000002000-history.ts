import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Raw points in weekly partitions, hourly and daily aggregates, and a table with the last published values of the log.
 *
 * `history_state.raw_from` is the time from which raw points are kept. Aggregates before it can no longer be recomputed, so
 * older points are merged into them; later aggregates are always recomputed from the points.
 */
const up = `
CREATE TABLE metric_series (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  metric text NOT NULL CHECK (metric IN ('tvl', 'price')),
  subject text NOT NULL,
  chain text NOT NULL DEFAULT '',
  UNIQUE (metric, subject, chain)
);
COMMENT ON TABLE metric_series IS 'One row per key: tvl of (protocol, chain), price of a token (chain is empty).';

CREATE TABLE published_values (
  metric text NOT NULL CHECK (metric IN ('tvl', 'price')),
  subject text NOT NULL,
  chain text NOT NULL DEFAULT '',
  value double precision NOT NULL,
  seq bigint NOT NULL,
  observed_at timestamptz NOT NULL,
  source text NOT NULL,
  confidence real NOT NULL,
  tags text[] NOT NULL DEFAULT '{}',
  symbol text,
  token_chain text,
  volume_24h double precision,
  market_cap double precision,
  PRIMARY KEY (metric, subject, chain)
) WITH (fillfactor = 80);
COMMENT ON TABLE published_values IS 'The newest published value of every key at the position of the log reader "history".';

-- 60 bytes a row. seq is the event that published the value, 0 for hourly samples and back-filled points; it distinguishes
-- two values with the same time, of which the one with the higher seq is the later.
CREATE TABLE metric_points (
  at timestamptz NOT NULL,
  value double precision NOT NULL,
  seq bigint NOT NULL DEFAULT 0,
  series_id integer NOT NULL,
  PRIMARY KEY (series_id, at, seq) INCLUDE (value)
) PARTITION BY RANGE (at);
CREATE INDEX metric_points_at ON metric_points USING brin (at) WITH (pages_per_range = 32);

CREATE TABLE metric_hourly (
  series_id integer NOT NULL,
  samples integer NOT NULL,
  bucket timestamptz NOT NULL,
  open double precision NOT NULL,
  high double precision NOT NULL,
  low double precision NOT NULL,
  close double precision NOT NULL,
  sum double precision NOT NULL,
  opened_at timestamptz NOT NULL,
  closed_at timestamptz NOT NULL,
  PRIMARY KEY (series_id, bucket)
) WITH (fillfactor = 90);
CREATE INDEX metric_hourly_bucket ON metric_hourly USING brin (bucket) WITH (pages_per_range = 32);
COMMENT ON COLUMN metric_hourly.sum IS 'Of the values of the bucket''s points: sum / samples is their mean. Levels are never summed over time.';

CREATE TABLE metric_daily (LIKE metric_hourly INCLUDING ALL) WITH (fillfactor = 90);

-- Append-only marks of buckets to recompute. A mark becomes visible together with its points, so that a transaction that
-- deletes the visible marks and then recomputes their buckets cannot miss a point. Without a unique key, writers and
-- rollups do not lock each other.
CREATE TABLE history_dirty (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  series_id integer NOT NULL,
  bucket timestamptz NOT NULL
);

CREATE TABLE history_sampled_hours (hour timestamptz PRIMARY KEY);

CREATE TABLE history_state (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  raw_from timestamptz NOT NULL
);
INSERT INTO history_state (raw_from)
  VALUES (date_trunc('week', now() - interval '31 days', 'UTC'));

-- ATTACH takes a weak lock on the parent; CREATE TABLE … PARTITION OF would make every query wait for the longest one.
CREATE FUNCTION prepare_metric_points(until timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  week timestamptz;
  name text;
  made integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('metric_points'));
  SELECT raw_from INTO STRICT week FROM history_state;
  WHILE week < least(until, now() + interval '1 year') LOOP
    name := 'metric_points_' || to_char(week, 'YYYYMMDD');
    IF to_regclass(name) IS NULL THEN
      EXECUTE format('CREATE TABLE %I (LIKE metric_points INCLUDING ALL)', name);
      EXECUTE format('ALTER TABLE metric_points ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        name, week, week + interval '7 days');
      made := made + 1;
    END IF;
    week := week + interval '7 days';
  END LOOP;
  RETURN made;
END $$;

-- Drops weeks that ended before the given time, but none that has a bucket to recompute. The lock is taken first, so a
-- writer of late points has either committed its marks, or finds that its partition no longer exists and retries.
CREATE FUNCTION retire_metric_points(before timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '1s' AS $$
DECLARE
  keep_from timestamptz := date_trunc('week', least(before, now()));
  week timestamptz;
  name text;
  dropped integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('metric_points'));
  SELECT raw_from INTO STRICT week FROM history_state;
  IF week >= keep_from THEN RETURN 0; END IF;
  LOCK TABLE metric_points IN ACCESS EXCLUSIVE MODE;
  IF EXISTS (SELECT FROM history_dirty WHERE bucket < keep_from) THEN RETURN 0; END IF;
  UPDATE history_state SET raw_from = keep_from;
  WHILE week < keep_from LOOP
    name := 'metric_points_' || to_char(week, 'YYYYMMDD');
    IF to_regclass(name) IS NOT NULL THEN
      EXECUTE format('DROP TABLE %I', name);
      dropped := dropped + 1;
    END IF;
    week := week + interval '7 days';
  END LOOP;
  RETURN dropped;
END $$;

SELECT prepare_metric_points(now() + interval '14 days');

REVOKE ALL ON FUNCTION prepare_metric_points(timestamptz), retire_metric_points(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION prepare_metric_points(timestamptz), retire_metric_points(timestamptz) TO rta_app;
GRANT SELECT, INSERT, UPDATE ON metric_series, published_values, metric_points, metric_hourly, metric_daily TO rta_app;
GRANT DELETE ON metric_hourly, metric_daily TO rta_app;
GRANT SELECT, INSERT, DELETE ON history_dirty TO rta_app;
GRANT SELECT, INSERT ON history_sampled_hours TO rta_app;
GRANT SELECT ON history_state TO rta_app, rta_reader;
GRANT SELECT ON metric_series, published_values, metric_points, metric_hourly, metric_daily TO rta_reader;
`;

const down = `
DROP FUNCTION retire_metric_points(timestamptz);
DROP FUNCTION prepare_metric_points(timestamptz);
DROP TABLE history_state, history_sampled_hours, history_dirty, metric_daily, metric_hourly, metric_points,
  published_values, metric_series;
`;

export class History1790000002000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
