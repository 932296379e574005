import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Index on the storms and summaries of a target, for messages that must not be sent before the one that names their subject.
 */
export class MessageOrder1790000022000 implements MigrationInterface {
  readonly name = 'MessageOrder1790000022000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX deliveries_summaries ON deliveries (target_id, position DESC) WHERE type = 'alert.summary';
      CREATE INDEX deliveries_open_summaries ON deliveries (target_id, position)
        WHERE type = 'alert.summary' AND state IN ('pending', 'retrying', 'sending')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX deliveries_open_summaries, deliveries_summaries');
  }
}
