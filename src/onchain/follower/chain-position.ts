import type { Database } from '../../platform/database/database.js';
import type { BlockRange, Coverage } from '../core/index.js';
import { hexOf } from '../store/log-rows.js';
import type { BlockRef } from '../store/chain-store.js';

/** States of a followed chain. */
export type ChainState = 'backfilling' | 'following' | 'paused' | 'stopped';

export interface CoveredContract extends Coverage {
  readonly id: number;
}

/** Stored position of a chain. */
export interface ChainPosition {
  readonly state: ChainState;
  /** Newest final block; undefined: none is final yet. */
  readonly final: BlockRef | undefined;
  readonly contracts: readonly CoveredContract[];
}

interface PositionRow {
  state: ChainState;
  number: string;
  hash: Buffer | null;
  at: string | null;
  contracts: { id: number; fromBlock: number; covered: [number, number][] }[];
}

/** Reads what is stored of a chain; undefined if there is no such chain. Paused contracts are left out. */
export async function readPosition(database: Database, chain: number): Promise<ChainPosition | undefined> {
  const row = await database.one<PositionRow>(READ, [chain]);
  if (row === undefined) return undefined;
  const final =
    row.hash === null ? undefined : { number: Number(row.number), hash: hexOf(row.hash), at: Number(row.at) };
  const contracts = row.contracts.map(({ id, fromBlock, covered }) => ({
    id,
    fromBlock,
    covered: covered.map(([from, end]): BlockRange => ({ from, to: end - 1 })),
  }));
  return { state: row.state, final, contracts };
}

/** Changes the shown state of a chain; nothing happens to one that is paused. */
export async function putState(database: Database, chain: number, state: ChainState, reason?: string): Promise<void> {
  await database.query(
    `UPDATE onchain_chains SET state = $2, reason = left($3, 2000)
     WHERE id = $1 AND state <> 'paused' AND (state, coalesce(reason, '')) IS DISTINCT FROM ($2, coalesce($3, ''))`,
    [chain, state, reason ?? null],
  );
}

/** Whether canonical logs above a block are stored. */
export async function hasLogsAbove(database: Database, chain: number, block: number): Promise<boolean> {
  const row = await database.one<{ found: boolean }>(
    'SELECT EXISTS (SELECT FROM onchain_logs WHERE chain = $1 AND block_number > $2 AND canonical) AS found',
    [chain, block],
  );
  return row?.found === true;
}

/** Coverage as pairs of the first block and the one after the last. */
const READ = `SELECT h.state, h.final_number AS number, h.final_hash AS hash, h.final_ms AS at, coalesce((
    SELECT jsonb_agg(jsonb_build_object('id', c.id, 'fromBlock', c.from_block, 'covered', coalesce((
      SELECT jsonb_agg(jsonb_build_array(lower(r), upper(r)) ORDER BY r) FROM unnest(c.covered) r), '[]')) ORDER BY c.id)
    FROM onchain_contracts c WHERE c.chain = h.id AND NOT c.paused), '[]') AS contracts
  FROM onchain_chains h WHERE h.id = $1`;
