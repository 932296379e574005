import type { Database } from '../../platform/database/database.js';
import type { WatchedChain } from '../config/chain-registry.js';
import type { ChainEvent, Hash } from '../core/index.js';
import type { BlockRef } from '../store/chain-store.js';
import { hexOf } from '../store/log-rows.js';

/** Stored state of a chain that writers feed. */
export interface StoredBlocks {
  /** Newest block that is known by its hash, or stated to be covered. */
  readonly newest: number;
  readonly head: BlockRef | undefined;
  /** Number of the final block; -1: none. */
  readonly final: number;
  /** Canonical headers from the final block on, ascending. */
  readonly headers: readonly BlockRef[];
  /** Block up to which each stream is projected. */
  readonly positions: ReadonlyMap<number, { readonly block: number; readonly log: number }>;
}

export async function readStored(database: Database, chain: WatchedChain): Promise<StoredBlocks> {
  const row = await database.one<{ final: number; newest: number | null }>(
    `SELECT h.final_number AS final, (SELECT max(upper(range_merge(c.covered)) - 1) FROM onchain_contracts c
       WHERE c.chain = h.id AND c.covered <> '{}') AS newest FROM onchain_chains h WHERE h.id = $1`,
    [chain.id],
  );
  const blocks = await database.query<{ number: number; hash: Buffer; at: number }>(
    'SELECT number, hash, at_ms AS at FROM onchain_blocks WHERE chain = $1 AND canonical AND number >= $2 ORDER BY number',
    [chain.id, row?.final ?? -1],
  );
  const headers = blocks.map(({ number, hash, at }): BlockRef => ({ number, hash: hexOf(hash), at }));
  const streams = await database.query<{ id: number; block: number; log: number }>(
    'SELECT id, block, log FROM onchain_streams WHERE chain = $1',
    [chain.id],
  );
  const head = headers.at(-1);
  return {
    newest: Math.max(row?.newest ?? -1, head?.number ?? -1),
    head,
    final: row?.final ?? -1,
    headers,
    positions: new Map(streams.map(({ id, block, log }) => [id, { block, log }])),
  };
}

/** Returns which events are stored as canonical logs, in whatever block if their hash is not given. */
export async function storedEvents(
  database: Database,
  chain: number,
  events: readonly (Pick<ChainEvent, 'contract' | 'blockNumber' | 'transactionHash' | 'logIndex'> & {
    readonly blockHash: Hash | null;
  })[],
): Promise<boolean[]> {
  if (events.length === 0) return [];
  const rows = await database.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM onchain_logs l JOIN onchain_contracts c ON c.id = l.contract WHERE l.chain = $1
         AND l.block_number = r.block AND l.log_index = r.log AND l.transaction_hash = r.tx AND c.address = r.contract
         AND l.canonical
         AND (r.hash IS NULL OR l.block_hash = r.hash)) AS found
     FROM unnest($2::bytea[], $3::bigint[], $4::bytea[], $5::int[], $6::bytea[])
       WITH ORDINALITY AS r (contract, block, tx, log, hash, n) ORDER BY n`,
    [
      chain,
      events.map(({ contract }) => bytea(contract)),
      events.map(({ blockNumber }) => blockNumber),
      events.map(({ transactionHash }) => bytea(transactionHash)),
      events.map(({ logIndex }) => logIndex),
      events.map(({ blockHash }) => (blockHash === null ? null : bytea(blockHash))),
    ],
  );
  return rows.map(({ found }) => found);
}

const bytea = (hex: string): string => `\\x${hex.slice(2)}`;

/** Hash of a block of which no event is known. */
export const NO_HASH: Hash = `0x${'0'.repeat(64)}`;
