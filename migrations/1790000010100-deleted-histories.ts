import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Ends histories of DefiLlama's routes when the owner has deleted the row; its entry in `retired_references` shows the
 * deletion.
 */
export class DeletedHistories1790000010100 implements MigrationInterface {
  readonly name = 'DeletedHistories1790000010100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('GRANT SELECT ON retired_references TO rta_app');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('REVOKE SELECT ON retired_references FROM rta_app');
  }
}
