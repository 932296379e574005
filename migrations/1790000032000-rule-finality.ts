import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Adds to alert rules the choice between the first and the final row of on-chain events. */
export class RuleFinality1790000032000 implements MigrationInterface {
  readonly name = 'RuleFinality1790000032000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE alert_rules ADD COLUMN finality text NOT NULL DEFAULT 'instant'
      CHECK (finality IN ('instant', 'final'))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE alert_rules DROP COLUMN finality');
  }
}
