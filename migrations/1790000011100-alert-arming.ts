import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Rules that fire once can be armed again. */
const up = `
ALTER TABLE alert_rules ADD COLUMN armed_version integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN alert_rules.armed_version IS 'The version at which a rule with mode once was armed again.';
`;

const down = `ALTER TABLE alert_rules DROP COLUMN armed_version;`;

export class AlertArming1790000011100 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
