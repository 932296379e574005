import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createFolding, createFoldingTriggers, dropFolding } from './names/fold.js';
import { joinTwins } from './names/join-twins.js';
import { TOKEN_FORM, tokenCheck } from './names/token-check.js';

/** Constraint with the same expression as before the migration. */
const LOWER_TOKEN = `
ALTER TABLE token_prices DROP CONSTRAINT token_prices_token_check;
ALTER TABLE token_prices ADD CONSTRAINT token_prices_token_check
  CHECK (token !~ '[[:space:][:cntrl:]]' AND token = lower(token) AND length(token) BETWEEN 1 AND 128);`;

/**
 * Converts names to their canonical spelling for SQL writers, too: slugs are lower case, aliases of chains are resolved, and
 * a token's chain is the part before its address. Stored rows are converted, and rows whose keys become equal are merged.
 */
export class Names1790000009000 implements MigrationInterface {
  readonly name = 'Names1790000009000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(createFolding);
    await runner.query(
      joinTwins({
        protocol: (column) => `lower(${column})`,
        chain: (column) => `canonical_chain(${column})`,
        token: (column) => `canonical_token(${column})`,
      }),
    );
    await runner.query(tokenCheck(TOKEN_FORM) + createFoldingTriggers);
  }

  /** Converts tokens to lower case again: the previous version accepts no others. */
  async down(runner: QueryRunner): Promise<void> {
    const asItIs = (column: string): string => column;
    await runner.query(joinTwins({ protocol: asItIs, chain: asItIs, token: (column) => `lower(${column})` }));
    await runner.query(LOWER_TOKEN + dropFolding);
  }
}
