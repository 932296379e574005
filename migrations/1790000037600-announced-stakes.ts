import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Staked tokens that the last `points_change` of an account announced, from which alert rules begin. */
export class AnnouncedStakes1790000037600 implements MigrationInterface {
  readonly name = 'AnnouncedStakes1790000037600';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
ALTER TABLE onchain_points_published ADD COLUMN staked numeric;
COMMENT ON COLUMN onchain_points_published.staked IS 'Staked tokens that it announced; null: announced before this column.';`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE onchain_points_published DROP COLUMN staked');
  }
}
