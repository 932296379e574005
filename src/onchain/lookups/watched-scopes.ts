import type { Database } from '../../platform/database/database.js';

/** Contract of a chain and the position of its stream: everything up to (block, log) is projected. */
export interface ScopeContract {
  readonly id: number;
  /** Address without `0x`. */
  readonly address: string;
  readonly stream: number;
  readonly block: number;
  readonly log: number;
}

/** Chain whose logs are looked up. Contracts whose state is projected anew beside the old one are left out. */
export interface ChainScope {
  readonly id: number;
  readonly name: string;
  readonly finalNumber: number;
  readonly contracts: readonly ScopeContract[];
}

/** Returns the chains in the order of their names, each with its contracts, those of one address if it is given. */
export function chainScopes(
  database: Database,
  { chain, contract }: { chain?: string | undefined; contract?: string | undefined },
): Promise<ChainScope[]> {
  return database.query<ChainScope & Record<string, unknown>>(
    `SELECT h.id, h.name, h.final_number AS "finalNumber", jsonb_agg(jsonb_build_object('id', c.id, 'address',
       encode(c.address, 'hex'), 'stream', s.id, 'block', s.block, 'log', s.log) ORDER BY c.id) AS contracts
     FROM onchain_chains h JOIN onchain_contracts c ON c.chain = h.id AND c.shadow_of IS NULL
       JOIN onchain_streams s ON s.id = c.stream
     WHERE ($1::text IS NULL OR h.name = $1) AND ($2::bytea IS NULL OR c.address = $2)
     GROUP BY h.id ORDER BY h.name COLLATE "C"`,
    [chain ?? null, contract === undefined ? null : `\\x${contract.slice(2)}`],
  );
}
