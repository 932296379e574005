/**
 * Tables of chains, their logs and the state that is derived from them. Block times are Unix milliseconds (`*_ms`), as points
 * accrue per millisecond; addresses and hashes are bytes.
 */
export const onchainTables = `
CREATE TABLE onchain_chains (
  id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE CHECK (name = lower(name) AND length(name) BETWEEN 1 AND 64),
  chain_id bigint CHECK (chain_id > 0),
  settings jsonb NOT NULL,
  endpoints text NOT NULL DEFAULT '',
  origin text NOT NULL CHECK (origin IN ('config', 'rest', 'sample')),
  state text NOT NULL DEFAULT 'backfilling' CHECK (state IN ('backfilling', 'following', 'paused', 'stopped')),
  reason text CHECK (length(reason) <= 2000),
  head_number bigint,
  head_hash bytea,
  head_ms bigint,
  final_number bigint NOT NULL DEFAULT -1,
  final_hash bytea,
  final_ms bigint,
  final_published bigint NOT NULL DEFAULT -1,
  version bigint NOT NULL DEFAULT 0,
  leader text,
  leader_epoch bigint NOT NULL DEFAULT 0,
  lease_until timestamptz NOT NULL DEFAULT '-infinity',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
COMMENT ON TABLE onchain_chains IS 'Followed chains. endpoints: sealed, as addresses may contain keys. version counts changes of state.';
COMMENT ON COLUMN onchain_chains.final_number IS 'Newest block that can no longer be replaced; -1: none.';
COMMENT ON COLUMN onchain_chains.final_published IS 'Newest block whose events are in the log as final.';

CREATE TABLE onchain_contracts (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  chain smallint NOT NULL REFERENCES onchain_chains,
  address bytea NOT NULL CHECK (length(address) = 20),
  standard text NOT NULL CHECK (standard IN ('batch', 'erc721', 'erc1155', 'erc20')),
  from_block bigint NOT NULL CHECK (from_block >= 0),
  token bytea CHECK (length(token) = 20),
  stream integer NOT NULL,
  paused boolean NOT NULL DEFAULT false,
  origin text NOT NULL CHECK (origin IN ('config', 'rest', 'sample')),
  shadow_of integer,
  covered int8multirange NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX onchain_contracts_address ON onchain_contracts (chain, address) WHERE shadow_of IS NULL;
COMMENT ON COLUMN onchain_contracts.shadow_of IS 'Contract that this one will replace: its state is projected anew beside the old one.';
COMMENT ON COLUMN onchain_contracts.covered IS 'Blocks whose logs of the contract are stored; gaps are wanted minus covered.';

-- A staking contract and the token that it names are one stream: their events change the same tokens.
CREATE TABLE onchain_streams (
  id integer PRIMARY KEY,
  chain smallint NOT NULL REFERENCES onchain_chains,
  block bigint NOT NULL,
  log integer NOT NULL DEFAULT -1,
  block_hash bytea,
  at_ms bigint,
  published_block bigint NOT NULL DEFAULT -1,
  published_log integer NOT NULL DEFAULT -1,
  caught_up boolean NOT NULL DEFAULT false,
  halted_reason text CHECK (length(halted_reason) <= 2000)
) WITH (fillfactor = 50);
COMMENT ON TABLE onchain_streams IS 'Position of the projection: everything up to (block, log) is in the state. log 2147483647: the whole block.';

CREATE TABLE onchain_blocks (
  chain smallint NOT NULL,
  number bigint NOT NULL,
  hash bytea NOT NULL,
  parent_hash bytea NOT NULL,
  at_ms bigint NOT NULL,
  canonical boolean NOT NULL DEFAULT true,
  PRIMARY KEY (chain, hash)
);
CREATE UNIQUE INDEX onchain_blocks_canonical ON onchain_blocks (chain, number) WHERE canonical;

CREATE TABLE onchain_logs (
  chain smallint NOT NULL,
  contract integer NOT NULL,
  block_number bigint NOT NULL,
  log_index integer NOT NULL,
  kind text NOT NULL,
  canonical boolean NOT NULL DEFAULT true,
  block_ms bigint NOT NULL,
  stored_at timestamptz NOT NULL DEFAULT now(),
  transaction_index integer NOT NULL,
  block_hash bytea NOT NULL,
  transaction_hash bytea NOT NULL,
  sender bytea,
  recipient bytea,
  staker bytea,
  start_token_id numeric(78,0),
  quantity numeric(78,0),
  token_ids numeric(78,0)[],
  quantities numeric(78,0)[],
  error text,
  source text NOT NULL DEFAULT 'rpc'
) PARTITION BY RANGE (stored_at);
COMMENT ON TABLE onchain_logs IS 'Decoded logs of watched contracts, by the day on which they were stored. Never deleted by a reorganisation.';
CREATE INDEX onchain_logs_position ON onchain_logs (chain, block_number, log_index);
CREATE INDEX onchain_logs_staker ON onchain_logs (staker, start_token_id) WHERE staker IS NOT NULL;
CREATE INDEX onchain_logs_kind ON onchain_logs (kind, chain, block_number, log_index);
CREATE INDEX onchain_logs_contract ON onchain_logs (contract, block_number, log_index);

CREATE TABLE onchain_dead_logs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  chain smallint NOT NULL,
  stream integer NOT NULL,
  contract integer NOT NULL,
  block_number bigint NOT NULL,
  block_hash bytea NOT NULL,
  log_index integer NOT NULL,
  stage text NOT NULL CHECK (stage IN ('decode', 'project', 'store')),
  code text NOT NULL,
  detail text NOT NULL CHECK (length(detail) <= 2000),
  payload jsonb NOT NULL,
  canonical boolean NOT NULL DEFAULT true,
  created_ms bigint NOT NULL,
  resolution text CHECK (resolution IN ('retried', 'skipped')),
  skip_reason text CHECK (length(skip_reason) <= 1000),
  resolved_ms bigint,
  UNIQUE (chain, contract, block_hash, log_index)
);
CREATE INDEX onchain_dead_logs_open ON onchain_dead_logs (stream, block_number, log_index) WHERE canonical AND resolution IS NULL;
COMMENT ON TABLE onchain_dead_logs IS 'Logs that could not be decoded or projected: each stops its stream until it is retried or skipped.';

-- The open interval of a token is in its row (since_*): it earns for the staker, or for the owner if it is not staked.
CREATE TABLE onchain_tokens (
  contract integer NOT NULL,
  token_id numeric(78,0) NOT NULL,
  owner bytea,
  owner_since_ms bigint NOT NULL,
  staker bytea,
  since_ms bigint NOT NULL,
  since_block bigint NOT NULL,
  since_log integer NOT NULL,
  tx_owner bytea,
  last_tx bytea,
  stake_tx bytea,
  PRIMARY KEY (contract, token_id)
) WITH (fillfactor = 80);
CREATE INDEX onchain_tokens_owner ON onchain_tokens (owner, contract, token_id);
CREATE INDEX onchain_tokens_staker ON onchain_tokens (staker, contract, token_id) WHERE staker IS NOT NULL;
COMMENT ON COLUMN onchain_tokens.tx_owner IS 'Owner at the start of last_tx, the last transaction that moved or staked the token.';

CREATE TABLE onchain_balances (
  contract integer NOT NULL,
  account bytea NOT NULL,
  token_id numeric(78,0) NOT NULL,
  quantity numeric NOT NULL CHECK (quantity >= 0),
  since_ms bigint NOT NULL,
  since_block bigint NOT NULL,
  since_log integer NOT NULL,
  PRIMARY KEY (contract, account, token_id)
) WITH (fillfactor = 80);
CREATE INDEX onchain_balances_account ON onchain_balances (account, contract, token_id);

CREATE TABLE onchain_intervals (
  stream integer NOT NULL,
  contract integer NOT NULL,
  token_id numeric(78,0) NOT NULL,
  account bytea NOT NULL,
  staked boolean NOT NULL,
  quantity numeric NOT NULL,
  from_ms bigint NOT NULL,
  from_block bigint NOT NULL,
  from_log integer NOT NULL,
  to_ms bigint NOT NULL,
  to_block bigint NOT NULL,
  to_log integer NOT NULL
);
CREATE INDEX onchain_intervals_account ON onchain_intervals (account);
CREATE INDEX onchain_intervals_end ON onchain_intervals (stream, to_block);
CREATE INDEX onchain_intervals_staked ON onchain_intervals (to_ms) WHERE staked;
COMMENT ON TABLE onchain_intervals IS 'Closed intervals in which an account held or staked tokens; open ones are in onchain_tokens and onchain_balances.';

CREATE TABLE onchain_positions (
  account bytea NOT NULL,
  contract integer NOT NULL,
  base numeric NOT NULL,
  staked numeric NOT NULL,
  held numeric NOT NULL,
  PRIMARY KEY (account, contract)
) WITH (fillfactor = 70);
COMMENT ON TABLE onchain_positions IS 'Points of an account: base + staked * Rs(t) + held * Rh(t) micro-points * ms, R(t) the integral of the rate per day.';

-- Before-images of rows that blocks above the final one changed. existed false: the block created the row.
CREATE TABLE onchain_token_undo (
  stream integer NOT NULL,
  block bigint NOT NULL,
  existed boolean NOT NULL,
  LIKE onchain_tokens,
  PRIMARY KEY (stream, block, contract, token_id)
);
CREATE TABLE onchain_balance_undo (
  stream integer NOT NULL,
  block bigint NOT NULL,
  existed boolean NOT NULL,
  LIKE onchain_balances,
  PRIMARY KEY (stream, block, contract, account, token_id)
);
CREATE TABLE onchain_position_undo (
  stream integer NOT NULL,
  block bigint NOT NULL,
  existed boolean NOT NULL,
  LIKE onchain_positions,
  PRIMARY KEY (stream, block, account, contract)
);
CREATE INDEX onchain_position_undo_account ON onchain_position_undo (account, contract, block);

CREATE TABLE onchain_projections (
  stream integer NOT NULL,
  block bigint NOT NULL,
  log integer NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (stream, block, log)
);
COMMENT ON TABLE onchain_projections IS 'When the projection passed a position: processedAt of the logs before it.';

CREATE TABLE onchain_point_rules (
  version integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  valid_from_ms bigint NOT NULL,
  staked_per_day numeric NOT NULL CHECK (staked_per_day >= 0),
  held_per_day numeric NOT NULL CHECK (held_per_day >= 0),
  chains text[] NOT NULL DEFAULT '{}',
  contracts bytea[] NOT NULL DEFAULT '{}',
  origin text NOT NULL CHECK (origin IN ('built_in', 'config', 'rest')),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE onchain_point_rules IS 'Versions of the rates, micro-points per token and day. The newest valid version that names the chain and contract applies.';
INSERT INTO onchain_point_rules (valid_from_ms, staked_per_day, held_per_day, chains, origin)
VALUES (0, 1000000, 0, '{}', 'built_in'), (0, 1000000, 1000000, '{sample}', 'built_in');

-- Counts changes of rules: part of the position that answers of points name.
CREATE TABLE onchain_points_state (
  one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
  version bigint NOT NULL DEFAULT 0,
  published_ms bigint NOT NULL DEFAULT 0
);
INSERT INTO onchain_points_state DEFAULT VALUES;

CREATE TABLE onchain_points_published (
  account bytea PRIMARY KEY,
  points numeric NOT NULL,
  at_ms bigint NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE onchain_points_published IS 'Micro-points that the last points_change of an account announced.';

CREATE TABLE onchain_points_daily (
  day date NOT NULL,
  account bytea NOT NULL,
  points numeric NOT NULL,
  earned numeric NOT NULL,
  rank integer NOT NULL,
  PRIMARY KEY (account, day)
);
CREATE INDEX onchain_points_daily_day ON onchain_points_daily (day);
COMMENT ON TABLE onchain_points_daily IS 'Micro-points at the end of a UTC day (00:00 of the next), and what the day earned.';

CREATE TABLE onchain_days (
  day date PRIMARY KEY,
  accounts integer NOT NULL,
  drift numeric NOT NULL,
  calculated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE onchain_feast_epochs (
  epoch bigint PRIMARY KEY,
  opens_ms bigint NOT NULL,
  closes_ms bigint NOT NULL,
  budget numeric NOT NULL,
  remainder numeric NOT NULL,
  closed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE onchain_feast_shares (
  epoch bigint NOT NULL REFERENCES onchain_feast_epochs ON DELETE CASCADE,
  account bytea NOT NULL,
  amount numeric NOT NULL,
  PRIMARY KEY (epoch, account)
);

CREATE TABLE onchain_alarms (
  chain text NOT NULL,
  code text NOT NULL,
  detail text NOT NULL CHECK (length(detail) <= 2000),
  since timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (chain, code)
);
COMMENT ON TABLE onchain_alarms IS 'Alarms that hold now; a condition that ends deletes its row.';

CREATE TABLE onchain_checks (
  chain smallint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('recent', 'daily')),
  checked_at timestamptz NOT NULL,
  omitted bigint NOT NULL DEFAULT 0,
  healed bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (chain, kind)
);

CREATE TABLE onchain_metrics_5m (
  chain smallint NOT NULL,
  bucket timestamptz NOT NULL,
  events bigint NOT NULL DEFAULT 0,
  p95_lag_ms double precision,
  errors bigint NOT NULL DEFAULT 0,
  retries bigint NOT NULL DEFAULT 0,
  reorgs integer NOT NULL DEFAULT 0,
  max_depth integer NOT NULL DEFAULT 0,
  PRIMARY KEY (chain, bucket)
);
`;

/** Names of the tables, in an order in which they can be dropped. */
export const ONCHAIN_TABLES = [
  'onchain_metrics_5m',
  'onchain_checks',
  'onchain_alarms',
  'onchain_feast_shares',
  'onchain_feast_epochs',
  'onchain_days',
  'onchain_points_daily',
  'onchain_points_published',
  'onchain_points_state',
  'onchain_point_rules',
  'onchain_projections',
  'onchain_position_undo',
  'onchain_balance_undo',
  'onchain_token_undo',
  'onchain_positions',
  'onchain_intervals',
  'onchain_balances',
  'onchain_tokens',
  'onchain_dead_logs',
  'onchain_logs',
  'onchain_blocks',
  'onchain_streams',
  'onchain_contracts',
  'onchain_chains',
] as const;
