import type { MigrationInterface, QueryRunner } from 'typeorm';
import { renameInstances } from './names/rename-instances.js';

/** Firings about names that were folded before the instances of rules were folded with them: they stayed for good. */
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

  /** The version before knows these names too. */
  async down(): Promise<void> {}
}
