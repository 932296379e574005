import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Firings that ended because their rule was edited while it was snoozed, of which the owner has not been notified yet. */
const up = `
ALTER TABLE alert_rule_state ADD COLUMN farewells jsonb;
COMMENT ON COLUMN alert_rule_state.farewells
  IS 'Firings that an edit ended during a snooze, as they were last seen: resolved once the snooze is over.';
`;

const down = `ALTER TABLE alert_rule_state DROP COLUMN farewells;`;

export class Farewells1790000017000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
