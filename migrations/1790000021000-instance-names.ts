import type { MigrationInterface, QueryRunner } from 'typeorm';
import { renameInstances } from './names/rename-instances.js';

/** Renames firings with names from before the migration that introduced canonical names: they were never resolved. */
export class InstanceNames1790000021000 implements MigrationInterface {
  readonly name = 'InstanceNames1790000021000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      renameInstances({
        protocol: (column) => `lower(${column})`,
        chain: (column) => `canonical_chain(${column})`,
        token: (column) => `canonical_token(${column})`,
      }),
    );
  }

  /** Does nothing: the previous version uses the same names. */
  async down(): Promise<void> {}
}
