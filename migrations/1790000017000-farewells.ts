import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Ends of firings, by an edit of their rule while it was snoozed, of which its owner is still to be notified. */
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
