import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * On-chain events of alerts and of messages: an alert is retracted with its event, and a message to an action that wants final
 * events waits until its events are final.
 */
export class RetractedAlerts1790000035000 implements MigrationInterface {
  readonly name = 'RetractedAlerts1790000035000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
ALTER TABLE alert_transitions ADD COLUMN onchain_ids text[], ADD COLUMN event_seq bigint, ADD COLUMN retracted_at timestamptz;
CREATE INDEX alert_transitions_onchain ON alert_transitions USING gin (onchain_ids)
  WHERE onchain_ids IS NOT NULL AND retracted_at IS NULL;
COMMENT ON COLUMN alert_transitions.onchain_ids IS 'On-chain events that the alert tells of; null: none.';
COMMENT ON COLUMN alert_transitions.event_seq IS 'Position in the log of the on-chain event that caused the alert; null for summaries.';
GRANT UPDATE (retracted_at) ON alert_transitions TO rta_app;

ALTER TABLE deliveries ADD COLUMN onchain_ids text[], ADD COLUMN awaited text[];
CREATE INDEX deliveries_onchain ON deliveries USING gin (onchain_ids) WHERE onchain_ids IS NOT NULL;
CREATE INDEX deliveries_awaited ON deliveries USING gin (awaited) WHERE awaited IS NOT NULL;
COMMENT ON COLUMN deliveries.onchain_ids IS 'On-chain events that the message tells of; null: none.';
COMMENT ON COLUMN deliveries.awaited IS 'On-chain events that must become final before the message is sent; null: none.';`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
ALTER TABLE deliveries DROP COLUMN awaited, DROP COLUMN onchain_ids;
ALTER TABLE alert_transitions DROP COLUMN retracted_at, DROP COLUMN event_seq, DROP COLUMN onchain_ids;`);
  }
}
