import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createLog } from './capture/log.js';
import { createRoles, grantRoles } from './capture/roles.js';
import { createSequencer } from './capture/sequencer.js';
import { createTables } from './capture/tables.js';
import { createTriggers } from './capture/triggers.js';

/**
 * Creates the tables for writers, the triggers that record their changes, the outbox, the function of the sequencer's step,
 * the log, and the roles.
 */
export class Capture1790000001000 implements MigrationInterface {
  readonly name = 'Capture1790000001000';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of [createRoles, createTables, createTriggers, createSequencer, createLog, grantRoles]) {
      await runner.query(sql);
    }
  }

  /** Drops everything except the roles: they belong to the whole cluster, and other databases may use them. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP VIEW delivered_events;
      DROP TABLE protocols, protocol_tvl, token_prices, change_thresholds, retired_references, change_outbox, event_log,
        log_head, log_readers;
      DO $$
      DECLARE
        routine regprocedure;
      BEGIN
        FOR routine IN SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'public'::regnamespace
          AND (proname LIKE 'capture\\_%' OR proname IN ('are_chains', 'are_tags', 'threshold_of', 'append_events',
            'is_real_chain', 'sequencer_step', 'current_timeline', 'random_epoch', 'newest_seq', 'new_log_epoch',
            'report_log_position', 'acquire_log_lease', 'renew_log_lease', 'release_log_lease', 'add_log_partition',
            'maintain_event_log', 'event_log_bounds', 'read_event_log', 'lock_log_reader'))
        LOOP
          EXECUTE format('DROP FUNCTION %s', routine);
        END LOOP;
      END $$`);
  }
}
