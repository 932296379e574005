import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Index on the waiting deliveries of each target in the order in which they are due: targets take turns. */
export class DueTargets1790000026000 implements MigrationInterface {
  readonly name = 'DueTargets1790000026000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX deliveries_due_targets ON deliveries (target_id, due_at, position)
      WHERE state IN ('pending', 'retrying')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX deliveries_due_targets');
  }
}
