import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Posted events without a block hash wait here until the block of their number is known. */
export class OnchainUnplaced1790000031100 implements MigrationInterface {
  readonly name = 'OnchainUnplaced1790000031100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE onchain_unplaced_events (
  chain smallint NOT NULL REFERENCES onchain_chains ON DELETE CASCADE,
  block_number bigint NOT NULL,
  transaction_hash bytea NOT NULL,
  log_index integer NOT NULL,
  contract bytea NOT NULL,
  item jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (chain, block_number, transaction_hash, log_index, contract)
);
COMMENT ON TABLE onchain_unplaced_events IS 'Posted events without a block hash, until the canonical block of their number is known.';
GRANT SELECT, INSERT, UPDATE, DELETE ON onchain_unplaced_events TO rta_app;`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE onchain_unplaced_events');
  }
}
