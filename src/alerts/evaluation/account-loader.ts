import type { Database } from '../../platform/database/database.js';
import { ANY, type AccountNumbers } from '../core/index.js';

const PAGE_SIZE = 5_000;

/**
 * Yields points and staked tokens of accounts, as their last `points_change` announced them. They may be ahead of the
 * evaluator's position; the rows in between then repeat them.
 * @param accounts addresses; `*`: all
 */
export async function* announcedNumbers(
  database: Database,
  accounts: readonly string[],
): AsyncGenerator<AccountNumbers[]> {
  if (accounts.length === 0) return;
  const wanted = accounts.includes(ANY) ? null : [...new Set(accounts)];
  let after = '';
  for (;;) {
    const page = await database.query<AccountNumbers & { [column: string]: unknown }>(PAGE, [wanted, after, PAGE_SIZE]);
    yield page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_SIZE) return;
    after = last.account;
  }
}

const PAGE = `
  SELECT '0x' || encode(p.account, 'hex') AS account, (p.points / 1000000)::float8 AS points,
    coalesce(p.staked::float8, 'NaN') AS staked_tokens, p.at_ms::float8 AS at
  FROM onchain_points_published p
  WHERE ($1::text[] IS NULL OR p.account = ANY(SELECT decode(substr(wanted, 3), 'hex') FROM unnest($1) wanted))
    AND p.account > decode(substr($2, 3), 'hex')
  ORDER BY p.account LIMIT $3`;
