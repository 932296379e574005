import type { MigrationInterface, QueryRunner } from 'typeorm';
import { dropOnchainFunctions, onchainFunctions } from './onchain/functions.js';
import { ONCHAIN_TABLES, onchainTables } from './onchain/tables.js';

/** Adds chains, their logs, and the tokens, intervals and points that are derived from them. */
export class Onchain1790000030000 implements MigrationInterface {
  readonly name = 'Onchain1790000030000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`${onchainTables}
GRANT SELECT, INSERT, UPDATE, DELETE ON ${ONCHAIN_TABLES.join(', ')} TO rta_app;
${onchainFunctions}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`${dropOnchainFunctions}
DROP TABLE ${ONCHAIN_TABLES.join(', ')};`);
  }
}
