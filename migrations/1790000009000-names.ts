import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createFolding, createFoldingTriggers, dropFolding } from './names/fold.js';
import { joinTwins } from './names/join-twins.js';
import { TOKEN_FORM, tokenCheck } from './names/token-check.js';

/** Expression of the constraint as before, so that it reads the same. */
const LOWER_TOKEN = `
ALTER TABLE token_prices DROP CONSTRAINT token_prices_token_check;
ALTER TABLE token_prices ADD CONSTRAINT token_prices_token_check
  CHECK (token !~ '[[:space:][:cntrl:]]' AND token = lower(token) AND length(token) BETWEEN 1 AND 128);`;

/**
 * Folds names to one spelling for SQL writers too: slugs are lower case, aliases of chains are resolved, a token's chain is the
 * one before its address. Stored rows are folded, and keys that become equal are joined.
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

  /** Restores lower case: the version before knows tokens in lower case only. */
  async down(runner: QueryRunner): Promise<void> {
    const asItIs = (column: string): string => column;
    await runner.query(joinTwins({ protocol: asItIs, chain: asItIs, token: (column) => `lower(${column})` }));
    await runner.query(LOWER_TOKEN + dropFolding);
  }
}
