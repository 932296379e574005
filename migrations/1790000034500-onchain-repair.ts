import type { MigrationInterface, QueryRunner } from 'typeorm';
import { onchainRetirement, onchainRetirementBefore } from './onchain/retirement.js';

/**
 * Adds what repairs need: how far back the before-images of a stream reach, the blocks whose logs were dropped, the last time at
 * which an alarm was raised, and ranges that are to be read again.
 */
export class OnchainRepair1790000034500 implements MigrationInterface {
  readonly name = 'OnchainRepair1790000034500';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
ALTER TABLE onchain_streams ADD COLUMN undo_from bigint NOT NULL DEFAULT -1;
UPDATE onchain_streams s SET undo_from = h.final_number FROM onchain_chains h WHERE h.id = s.chain;
COMMENT ON COLUMN onchain_streams.undo_from IS 'The before-images of all projected blocks above this one are stored: the state can go back to it.';
ALTER TABLE onchain_contracts ADD COLUMN dropped int8multirange NOT NULL DEFAULT '{}';
COMMENT ON COLUMN onchain_contracts.dropped IS 'Blocks whose logs may have been dropped with an old partition: nothing is compared there.';
ALTER TABLE onchain_alarms ADD COLUMN raised_at timestamptz NOT NULL DEFAULT clock_timestamp();
COMMENT ON COLUMN onchain_alarms.raised_at IS 'Last time at which the condition was seen.';

CREATE TABLE onchain_rereads (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  chain smallint NOT NULL REFERENCES onchain_chains ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('replay', 'verify')),
  asked_by text NOT NULL,
  from_block bigint NOT NULL CHECK (from_block >= 0),
  to_block bigint NOT NULL CHECK (to_block >= from_block),
  next_block bigint NOT NULL,
  ranges jsonb NOT NULL DEFAULT '[]',
  omitted bigint NOT NULL DEFAULT 0,
  healed bigint NOT NULL DEFAULT 0,
  fault text CHECK (length(fault) <= 2000),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  served_at timestamptz,
  ended_at timestamptz
);
CREATE INDEX onchain_rereads_open ON onchain_rereads (chain, id) WHERE ended_at IS NULL;
CREATE INDEX onchain_rereads_ended ON onchain_rereads (ended_at) WHERE ended_at IS NOT NULL;
COMMENT ON TABLE onchain_rereads IS 'Ranges that callers want to be read again or verified; the leader of the chain takes them in parts.';
GRANT SELECT, INSERT, UPDATE, DELETE ON onchain_rereads TO rta_app;
${onchainRetirement}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
${onchainRetirementBefore}
DROP TABLE onchain_rereads;
ALTER TABLE onchain_alarms DROP COLUMN raised_at;
ALTER TABLE onchain_contracts DROP COLUMN dropped;
ALTER TABLE onchain_streams DROP COLUMN undo_from;`);
  }
}
