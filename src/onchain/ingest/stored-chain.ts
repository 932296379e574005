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

export const bytea = (hex: string): string => `\\x${hex.slice(2)}`;

/** Events of one statement: writing the values of more would hold the event loop. */
const EVENTS_PER_STATEMENT = 1_000;

/** Contents of the place of an event: nothing, the same event, one that was retracted, or another event. */
export type StoredAs = 'nothing' | 'same' | 'retracted' | 'other';

/** Returns what is stored of watched contracts under the block hashes and log indexes of events. */
export async function storedAs(
  database: Database,
  chain: number,
  events: readonly ChainEvent[],
): Promise<readonly StoredAs[]> {
  const numbers = events.map(({ blockNumber }) => blockNumber);
  const range = [numbers.reduce((a, b) => Math.min(a, b), Infinity), numbers.reduce((a, b) => Math.max(a, b), -1)];
  if (events.length === 0 || !(await hasLogs(database, chain, range))) return events.map(() => 'nothing');
  const found: StoredAs[] = [];
  for (let from = 0; from < events.length; from += EVENTS_PER_STATEMENT) {
    found.push(...(await someStoredAs(database, chain, events.slice(from, from + EVENTS_PER_STATEMENT))));
  }
  return found;
}

async function someStoredAs(
  database: Database,
  chain: number,
  events: readonly ChainEvent[],
): Promise<readonly StoredAs[]> {
  const rows = await database.query<{ place: number; canonical: boolean; same: boolean }>(
    `SELECT r.place::int, l.canonical, c.address = r.contract AND l.kind = r.kind AND l.transaction_hash = r.tx
         AND (l.sender, l.recipient, l.staker) IS NOT DISTINCT FROM (r.sender, r.recipient, r.staker)
         AND l.start_token_id = r.start AND l.quantity = r.quantity AS same
     FROM unnest($2::bigint[], $3::bytea[], $4::int[], $5::bytea[], $6::text[], $7::bytea[], $8::bytea[], $9::bytea[],
         $10::bytea[], $11::numeric[], $12::numeric[])
         WITH ORDINALITY AS r (block, hash, log, contract, kind, tx, sender, recipient, staker, start, quantity, place)
       JOIN onchain_logs l ON l.chain = $1 AND l.block_number = r.block AND l.log_index = r.log AND l.block_hash = r.hash
       JOIN onchain_contracts c ON c.id = l.contract AND c.shadow_of IS NULL`,
    [
      chain,
      events.map(({ blockNumber }) => blockNumber),
      events.map(({ blockHash }) => bytea(blockHash)),
      events.map(({ logIndex }) => logIndex),
      events.map(({ contract }) => bytea(contract)),
      events.map(({ kind }) => kind),
      events.map(({ transactionHash }) => bytea(transactionHash)),
      events.map(({ from }) => byteaOrNull(from)),
      events.map(({ to }) => byteaOrNull(to)),
      events.map(({ staker }) => byteaOrNull(staker)),
      events.map(({ startTokenId }) => startTokenId?.toString() ?? null),
      events.map(({ quantity }) => quantity?.toString() ?? null),
    ],
  );
  const found = new Map<number, StoredAs>();
  for (const { place, canonical, same } of rows) {
    if (found.get(place) === 'same') continue;
    found.set(place, !same ? 'other' : canonical ? 'same' : 'retracted');
  }
  return events.map((_, at) => found.get(at + 1) ?? 'nothing');
}

/** Returns, by stream, the lowest blocks of retracted logs that come back with the blocks of events. */
export async function returningLogs(
  database: Database,
  chain: number,
  events: readonly ChainEvent[],
): Promise<{ stream: number; block: number }[]> {
  if (events.length === 0) return [];
  const hashes = new Map(events.map(({ blockHash, blockNumber }) => [blockHash, blockNumber]));
  return database.query<{ stream: number; block: number }>(
    `SELECT c.stream, min(l.block_number) AS block FROM unnest($2::bytea[], $3::bigint[]) AS r (hash, block)
       JOIN onchain_blocks b ON b.chain = $1 AND b.hash = r.hash AND NOT b.canonical
       JOIN onchain_logs l ON l.chain = $1 AND l.block_number = r.block AND l.block_hash = r.hash AND NOT l.canonical
       JOIN onchain_contracts c ON c.id = l.contract
     GROUP BY c.stream`,
    [chain, [...hashes.keys()].map(bytea), [...hashes.values()]],
  );
}

/** Returns the hashes of canonical blocks by their numbers, also of final ones. */
export async function canonicalHashes(
  database: Database,
  chain: number,
  numbers: readonly number[],
): Promise<Map<number, Hash>> {
  if (numbers.length === 0) return new Map();
  const rows = await database.query<{ number: number; hash: Buffer }>(
    'SELECT number, hash FROM onchain_blocks WHERE chain = $1 AND canonical AND number = ANY ($2::bigint[])',
    [chain, [...new Set(numbers)]],
  );
  return new Map(rows.map(({ number, hash }) => [number, hexOf(hash)]));
}

/** Returns the numbers of canonical blocks by their hashes. */
export async function heightsOf(
  database: Database,
  chain: number,
  hashes: readonly Hash[],
): Promise<Map<Hash, number>> {
  if (hashes.length === 0) return new Map();
  const rows = await database.query<{ number: number; hash: Buffer }>(
    'SELECT number, hash FROM onchain_blocks WHERE chain = $1 AND canonical AND hash = ANY ($2::bytea[])',
    [chain, [...new Set(hashes)].map(bytea)],
  );
  return new Map(rows.map(({ number, hash }) => [hexOf(hash), number]));
}

/** Whether anything is stored in a range of blocks: events mostly come in new blocks. */
async function hasLogs(database: Database, chain: number, range: readonly number[]): Promise<boolean> {
  const row = await database.one<{ found: boolean }>(
    'SELECT EXISTS (SELECT FROM onchain_logs WHERE chain = $1 AND block_number BETWEEN $2 AND $3) AS found',
    [chain, ...range],
  );
  return row?.found === true;
}

const byteaOrNull = (hex: string | null): string | null => (hex === null ? null : bytea(hex));

/** Hash of a block of which no event is known. */
export const NO_HASH: Hash = `0x${'0'.repeat(64)}`;
