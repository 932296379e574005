import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Quiet hours that a rule has of its own. */
const up = `
ALTER TABLE alert_rules ADD COLUMN quiet_hours jsonb;
COMMENT ON COLUMN alert_rules.quiet_hours IS 'Of its messages: an object, never as a string, or null for those of its user.';
`;

const down = `
ALTER TABLE alert_rules DROP COLUMN quiet_hours;
`;

export class RuleSchedules1790000017100 implements MigrationInterface {
  readonly name = 'RuleSchedules1790000017100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
