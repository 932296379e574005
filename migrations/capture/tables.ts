/**
 * Tables for writers, and the columns in which each row stores its last published value.
 *
 * Values must be 0 or between 1e-300 and 1e300, so that products and sums of them can neither overflow nor underflow:
 * PostgreSQL would raise an error inside a trigger or, worse, inside the sequencer. NaN violates the upper bound.
 */
const amount = (column: string): string => `CHECK (${column} = 0 OR ${column} >= 1e-300 AND ${column} <= 1e300)`;
const word = (column: string, longest: number): string =>
  `CHECK (${column} !~ '[[:space:][:cntrl:]]' AND length(${column}) BETWEEN 1 AND ${longest})`;
const lowerWord = (column: string, longest: number): string =>
  `CHECK (${column} !~ '[[:space:][:cntrl:]]' AND ${column} = lower(${column}) AND length(${column}) BETWEEN 1 AND ${longest})`;
const label = (column: string, longest: number): string =>
  `CHECK (${column} !~ '[[:cntrl:]]' AND length(${column}) <= ${longest})`;

const observation = `
  source text NOT NULL DEFAULT 'unknown' ${label('source', 128)},
  confidence real NOT NULL DEFAULT 1 CHECK (confidence >= 0 AND confidence <= 1),
  tags text[] NOT NULL DEFAULT '{}' CHECK (tags = '{}' OR are_tags(tags)),
  observed_at timestamptz NOT NULL DEFAULT now()
    CHECK (observed_at >= '1970-01-01 00:00:00+00' AND observed_at < '3000-01-01 00:00:00+00')`;

/** Columns that only triggers write; null until the first update of the row. */
const capture = `
  published_value double precision,
  previous_value double precision,
  moved double precision,
  step_references double precision[],
  min_change_ratio double precision,
  min_change_absolute double precision,
  publications bigint NOT NULL DEFAULT 0`;

export const createTables = `
CREATE FUNCTION are_chains(chains text[]) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT cardinality(chains) <= 1024 AND NOT EXISTS (SELECT FROM unnest(chains) AS chain
    WHERE chain IS NULL OR chain ~ '[[:space:][:cntrl:]]' OR chain <> lower(chain) OR length(chain) NOT BETWEEN 1 AND 64)
$$;
CREATE FUNCTION are_tags(tags text[]) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT cardinality(tags) <= 32 AND NOT EXISTS (SELECT FROM unnest(tags) AS tag
    WHERE tag IS NULL OR tag ~ '[[:cntrl:]]' OR length(tag) NOT BETWEEN 1 AND 64)
$$;

CREATE TABLE protocols (
  slug text PRIMARY KEY ${word('slug', 128)},
  name text NOT NULL ${label('name', 256)},
  symbol text ${label('symbol', 64)},
  category text ${label('category', 128)},
  chains text[] NOT NULL DEFAULT '{}' CHECK (are_chains(chains)),
  url text ${label('url', 2048)},
  metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object' AND length(metadata::text) <= 65536),
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- fillfactor leaves space on the page for the next version of a row, so that updates need no index entry (HOT).
CREATE TABLE protocol_tvl (
  protocol text ${word('protocol', 128)},
  chain text ${lowerWord('chain', 64)},
  tvl double precision NOT NULL ${amount('tvl')},
  ${observation},
  ${capture},
  PRIMARY KEY (protocol, chain)
) WITH (fillfactor = 70);

CREATE TABLE token_prices (
  token text PRIMARY KEY ${lowerWord('token', 128)},
  symbol text ${label('symbol', 64)},
  chain text ${lowerWord('chain', 64)},
  price double precision NOT NULL ${amount('price')},
  volume_24h double precision ${amount('volume_24h')},
  market_cap double precision ${amount('market_cap')},
  ${observation},
  ${capture}
) WITH (fillfactor = 70);

CREATE TABLE change_thresholds (
  metric text CHECK (metric IN ('tvl', 'price')),
  subject text DEFAULT '*' ${word('subject', 128)},
  min_change_ratio double precision NOT NULL CHECK (min_change_ratio >= 0 AND min_change_ratio <= 1e6),
  min_change_absolute double precision NOT NULL DEFAULT 0 ${amount('min_change_absolute')},
  PRIMARY KEY (metric, subject)
);
COMMENT ON TABLE change_thresholds IS 'How far a value must move to be published; the narrowest row wins.';
INSERT INTO change_thresholds VALUES ('tvl', '*', 0.01, 0), ('price', '*', 0.001, 0);

CREATE FUNCTION threshold_of(of_metric text, of_subject text, OUT ratio double precision, OUT absolute double precision)
LANGUAGE sql STABLE AS $$
  SELECT min_change_ratio, min_change_absolute FROM (
    SELECT subject, min_change_ratio, min_change_absolute FROM public.change_thresholds
    WHERE metric = of_metric AND subject IN (of_subject, '*')
    UNION ALL SELECT NULL, CASE of_metric WHEN 'tvl' THEN 0.01 ELSE 0.001 END, 0
  ) AS candidate
  ORDER BY CASE WHEN subject = '*' THEN 2 WHEN subject IS NULL THEN 3 ELSE 1 END LIMIT 1
$$;
COMMENT ON FUNCTION threshold_of IS 'The threshold of a key: its own, else of all (*), else the built-in default.';

CREATE TABLE retired_references (
  metric text,
  subject text,
  chain text,
  published_value double precision NOT NULL,
  step_references double precision[] NOT NULL,
  PRIMARY KEY (metric, subject, chain)
);
COMMENT ON TABLE retired_references IS 'What deleted rows had published: a row that comes back is compared with it.';

-- Types as in src/events/core/log-event.ts. A row that cannot be numbered would stop the log for all writers, so every
-- condition is checked here, where only the row's writer fails.
CREATE TABLE change_outbox (
  id bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
  txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  captured_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  type text NOT NULL CHECK (type IN ('tvl_change', 'price_change', 'protocol_update', 'liquidation', 'governance', 'emission',
    'alert', 'points_change', 'chain_reorg', 'onchain_event', 'tick', 'tvl_baseline', 'price_baseline')),
  protocol text,
  chain text,
  token text,
  previous double precision,
  current double precision,
  moved double precision,
  symbol text,
  volume_24h double precision,
  market_cap double precision,
  data jsonb,
  source text NOT NULL DEFAULT 'unknown',
  confidence real NOT NULL DEFAULT 1 CHECK (confidence >= 0 AND confidence <= 1),
  tags text[] NOT NULL DEFAULT '{}',
  observed_at timestamptz NOT NULL DEFAULT clock_timestamp()
    CHECK (observed_at >= '1970-01-01 00:00:00+00' AND observed_at < '3000-01-01 00:00:00+00'),
  owner text,
  correlation_id text DEFAULT left(nullif(current_setting('rta.correlation_id', true), ''), 128),
  trace_parent text DEFAULT left(nullif(current_setting('rta.trace_parent', true), ''), 64)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000000, vacuum_truncate = off);
CREATE INDEX change_outbox_position ON change_outbox (txid, id);

CREATE TABLE event_log (
  seq bigint NOT NULL,
  logged_at timestamptz NOT NULL,
  captured_at timestamptz NOT NULL,
  observed_at timestamptz NOT NULL,
  previous double precision,
  current double precision,
  moved double precision,
  protocol_tvl double precision,
  volume_24h double precision,
  market_cap double precision,
  confidence real NOT NULL,
  epoch text NOT NULL,
  type text NOT NULL,
  protocol text,
  chain text,
  token text,
  name text,
  category text,
  symbol text,
  source text NOT NULL,
  tags text[] NOT NULL,
  data jsonb,
  owner text,
  correlation_id text,
  trace_parent text
) PARTITION BY RANGE (logged_at);
COMMENT ON TABLE event_log IS 'Every event once, append-only. Each partition has its own unique index on seq.';

CREATE VIEW delivered_events WITH (security_barrier) AS
  SELECT seq, epoch, type, protocol, chain, token, previous, current, moved, protocol_tvl, name, category, symbol,
    volume_24h, market_cap, data, source, confidence, tags, observed_at, captured_at, logged_at, correlation_id
  FROM event_log WHERE owner IS NULL AND type NOT IN ('tick', 'tvl_baseline', 'price_baseline');
COMMENT ON VIEW delivered_events IS 'The log as everyone may see it: nothing that has an owner.';

-- One row. lease_epoch is a unique key: the sequencer's FOR KEY SHARE blocks changes of a key (take-overs), but not renewals.
CREATE TABLE log_head (
  one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
  seq bigint NOT NULL DEFAULT 0,
  epoch text NOT NULL CHECK (epoch ~ '^[0-9a-z]{1,12}$'),
  epoch_start_seq bigint NOT NULL DEFAULT 0,
  system_identifier text NOT NULL,
  timeline text NOT NULL,
  owner text,
  lease_epoch bigint NOT NULL DEFAULT 0 UNIQUE,
  lease_until timestamptz NOT NULL DEFAULT '-infinity',
  leader_pid integer,
  leader_started_at timestamptz
);
COMMENT ON COLUMN log_head.seq IS 'A lower bound of the newest seq, for when all partitions have been dropped.';

CREATE TABLE log_readers (
  name text PRIMARY KEY,
  epoch text NOT NULL,
  seq bigint NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
COMMENT ON TABLE log_readers IS 'Positions of durable readers; rows of the log after the smallest are never dropped.';
`;
