import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Lets histories and DefiLlama's routes read the end of the log, so that they include values that were just published. */
export class Histories1790000010000 implements MigrationInterface {
  readonly name = 'Histories1790000010000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('GRANT SELECT ON history_tail TO rta_app');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('REVOKE SELECT ON history_tail FROM rta_app');
  }
}
