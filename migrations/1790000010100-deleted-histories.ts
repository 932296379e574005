import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Ends histories of DefiLlama's routes where the owner deleted the row: a deleted row leaves its reference behind. */
export class DeletedHistories1790000010100 implements MigrationInterface {
  readonly name = 'DeletedHistories1790000010100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('GRANT SELECT ON retired_references TO rta_app');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('REVOKE SELECT ON retired_references FROM rta_app');
  }
}
