import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Calculated days whose intervals or rules have changed since: they are calculated again. */
export class StaleDays1790000036000 implements MigrationInterface {
  readonly name = 'StaleDays1790000036000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
ALTER TABLE onchain_days ADD COLUMN stale_since bigint;
COMMENT ON COLUMN onchain_days.stale_since IS 'Version of onchain_points_state with which the day had to be calculated again; null: it need not.';`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE onchain_days DROP COLUMN stale_since');
  }
}
