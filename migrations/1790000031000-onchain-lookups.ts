import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Indexes for look-ups of on-chain events, and what followers report of themselves. Reports are no part of the chain's row,
 * because that is locked while the chain's state changes.
 *
 * Events of many tokens are found by classes of their number of tokens: an event that has a token begins at most as many ids
 * before it as its class allows. Class 0: one id.
 */
export class OnchainLookups1790000031000 implements MigrationInterface {
  readonly name = 'OnchainLookups1790000031000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE FUNCTION onchain_span(kind text, quantity numeric) RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN kind NOT IN ('BatchMint', 'BatchBurn', 'BatchTransfer', 'ConsecutiveTransfer') OR quantity <= 1 THEN 0
  WHEN quantity <= 32 THEN 1 WHEN quantity <= 1024 THEN 2 WHEN quantity <= 32768 THEN 3 ELSE 4 END;
REVOKE ALL ON FUNCTION onchain_span(text, numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION onchain_span(text, numeric) TO rta_app;

DROP INDEX onchain_logs_staker;
CREATE INDEX onchain_logs_staker ON onchain_logs (staker, chain, block_number, log_index) WHERE staker IS NOT NULL;
CREATE INDEX onchain_logs_token ON onchain_logs
  (onchain_span(kind, quantity), start_token_id, chain, block_number, log_index) WHERE start_token_id IS NOT NULL;
CREATE INDEX onchain_logs_tokens ON onchain_logs USING gin (token_ids) WHERE token_ids IS NOT NULL;
CREATE INDEX onchain_logs_retracted ON onchain_logs (chain, block_number, log_index, block_hash) WHERE NOT canonical;
CREATE INDEX event_log_onchain ON event_log ((data ->> 'onchainId')) WHERE type = 'onchain_event';

CREATE TABLE onchain_followers (
  chain smallint PRIMARY KEY REFERENCES onchain_chains ON DELETE CASCADE,
  endpoints jsonb NOT NULL,
  events_per_second double precision NOT NULL,
  blocks_per_second double precision NOT NULL,
  reported_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
COMMENT ON TABLE onchain_followers IS 'State of the endpoints of each chain and rates of its follower, as its leader reported them last.';
GRANT SELECT, INSERT, UPDATE, DELETE ON onchain_followers TO rta_app;`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
DROP TABLE onchain_followers;
DROP INDEX event_log_onchain, onchain_logs_retracted, onchain_logs_tokens, onchain_logs_token, onchain_logs_staker;
DROP FUNCTION onchain_span(text, numeric);
CREATE INDEX onchain_logs_staker ON onchain_logs (staker, start_token_id) WHERE staker IS NOT NULL;`);
  }
}
