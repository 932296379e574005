import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Further webhook formats, targets whose address is a secret, and devices and webhooks that are confirmed by a code. */
const up = `
ALTER TABLE deliveries DROP CONSTRAINT deliveries_format_check,
  ADD CONSTRAINT deliveries_format_check
    CHECK (format IN ('standard', 'slack', 'discord', 'teams', 'telegram', 'pagerduty', 'json')),
  DROP CONSTRAINT deliveries_type_check,
  ADD CONSTRAINT deliveries_type_check CHECK (type IN ('alert.fired', 'alert.resolved', 'alert.summary', 'alert.retracted',
    'test', 'endpoint.verify', 'target.confirm', 'endpoint.failing', 'endpoint.disabled', 'account.budget'));
CREATE INDEX deliveries_user_started ON deliveries (user_id, started_at) WHERE started_at IS NOT NULL;

ALTER TABLE notification_targets ADD COLUMN code_hash bytea, ADD COLUMN code_tries integer NOT NULL DEFAULT 0,
  ADD COLUMN host text;
COMMENT ON COLUMN notification_targets.code_hash IS 'Of the code that a hook or a device received, for its owner to type in.';
COMMENT ON COLUMN notification_targets.host IS 'Where its messages go; of devices kept apart, for their address is a secret.';
`;

const down = `
DELETE FROM deliveries WHERE type IN ('alert.retracted', 'account.budget')
  OR format IN ('standard', 'teams', 'telegram', 'pagerduty', 'json');
DROP INDEX deliveries_user_started;
ALTER TABLE deliveries DROP CONSTRAINT deliveries_format_check,
  ADD CONSTRAINT deliveries_format_check CHECK (format IN ('slack', 'discord')),
  DROP CONSTRAINT deliveries_type_check,
  ADD CONSTRAINT deliveries_type_check CHECK (type IN ('alert.fired', 'alert.resolved', 'alert.summary', 'test',
    'endpoint.verify', 'target.confirm', 'endpoint.failing', 'endpoint.disabled'));
ALTER TABLE notification_targets DROP COLUMN code_hash, DROP COLUMN code_tries, DROP COLUMN host;
`;

export class Channels1790000013100 implements MigrationInterface {
  readonly name = 'Channels1790000013100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
