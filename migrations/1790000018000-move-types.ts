import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tokenFolding } from './names/fold.js';
import { joinTwins } from './names/join-twins.js';
import { TOKEN_FORM, tokenCheck } from './names/token-check.js';

const ADDRESS = `substr(token, strpos(token, ':') + 1)`;
/** Hexadecimal address, alone or in front of the case-sensitive module and type of a Move coin (0x2::sui::SUI). */
const IS_HEX = `${ADDRESS} ~ '^0[xX][0-9a-fA-F]+($|::)'`;
const HEX = `split_part(token, ':', 2)`;

/**
 * SQL equivalent of `normaliseToken` in src/events/core/names.ts. A single expression, so that PostgreSQL can inline it in
 * triggers.
 */
const moveFolding = `
CREATE OR REPLACE FUNCTION canonical_token(token text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN strpos(token, ':') = 0 THEN lower(token)
    WHEN lower(token) LIKE 'coingecko:%' THEN public.canonical_token(substr(token, 11))
    ELSE canonical_chain(lower(split_part(token, ':', 1))) || ':'
      || CASE WHEN ${IS_HEX} THEN lower(${HEX}) || substr(${ADDRESS}, length(${HEX}) + 1) ELSE ${ADDRESS} END END
$$;
COMMENT ON FUNCTION canonical_token IS 'The one spelling of a token: ids and addresses of hex digits in lower case, Move types and other addresses as they are.';`;

const MOVE_FORM = `CASE WHEN strpos(token, ':') = 0 THEN token = lower(token)
    ELSE split_part(token, ':', 1) = lower(split_part(token, ':', 1)) AND (NOT ${IS_HEX} OR ${HEX} = lower(${HEX})) END`;

/**
 * Keeps the case of modules and types of Move coins (Sui, Aptos). Stored names are not changed, because their original case
 * is lost.
 */
export class MoveTypes1790000018000 implements MigrationInterface {
  readonly name = 'MoveTypes1790000018000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(moveFolding + tokenCheck(MOVE_FORM));
  }

  async down(runner: QueryRunner): Promise<void> {
    const asItIs = (column: string): string => column;
    await runner.query(tokenFolding('CREATE OR REPLACE'));
    await runner.query(joinTwins({ protocol: asItIs, chain: asItIs, token: (column) => `canonical_token(${column})` }));
    await runner.query(tokenCheck(TOKEN_FORM));
  }
}
