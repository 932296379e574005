import type { ClientBase } from 'pg';
import { eachInSlices } from '../../platform/loop/slices.js';
import type { Address, BalanceSlot, Hash, HotRows, MissingRows, TokenRange } from '../core/index.js';
import { byteCell, Columns, statementsOf } from '../store/columns.js';

/** Connection or pool: what loads need. */
export interface Queries {
  query: ClientBase['query'];
}

type LoadedToken = [
  contract: number,
  tokenId: string,
  owner: Address | null,
  ownerSince: number,
  staker: Address | null,
  since: number,
  sinceBlock: number,
  sinceLog: number,
  txOwner: Address | null,
  lastTx: Hash | null,
  stakeTx: Hash | null,
];

const hex = (column: string): string => `'0x' || encode(t.${column}, 'hex')`;

/** Reads ranges by the primary key; a sub-select with a limit is never turned into a join that reads the whole table. */
const LOAD_TOKENS = `SELECT t.contract, t.token_id, ${hex('owner')}, t.owner_since_ms, ${hex('staker')}, t.since_ms,
    t.since_block, t.since_log, ${hex('tx_owner')}, ${hex('last_tx')}, ${hex('stake_tx')}
  FROM unnest($1::int[], $2::numeric[], $3::int[]) AS r (contract, first, n)
    CROSS JOIN LATERAL (SELECT * FROM onchain_tokens t WHERE t.contract = r.contract AND t.token_id >= r.first
      AND t.token_id < r.first + r.n LIMIT r.n) AS t`;

const LOAD_BALANCES = `SELECT r.n, t.quantity, t.since_ms, t.since_block, t.since_log
  FROM unnest($1::int[], $2::bytea[], $3::numeric[]) WITH ORDINALITY AS r (contract, account, token_id, n)
    CROSS JOIN LATERAL (SELECT * FROM onchain_balances t WHERE t.contract = r.contract
      AND t.account = r.account AND t.token_id = r.token_id LIMIT 1) AS t`;

/** Fills the rows that are missing in memory. */
export async function loadRows(db: Queries, missing: MissingRows, hot: HotRows): Promise<void> {
  for (const ranges of statementsOf(missing.tokens)) await loadTokens(db, ranges, hot);
  for (const slots of statementsOf(missing.balances)) await loadBalances(db, slots);
}

async function loadTokens(db: Queries, ranges: readonly TokenRange[], hot: HotRows): Promise<void> {
  const columns = new Columns(3);
  for (const { contract, first, count } of ranges) columns.add(contract, first, count);
  const { rows } = await db.query<LoadedToken>({
    name: 'onchain_load_tokens',
    text: LOAD_TOKENS,
    values: columns.literals(),
    rowMode: 'array',
  });
  await eachInSlices(rows, (row) => {
    const slot = hot.token(row[0], BigInt(row[1]));
    if (slot === undefined) return;
    slot.isStored = true;
    slot.row = {
      owner: row[2],
      ownerSince: row[3],
      staker: row[4],
      since: row[5],
      sinceBlock: row[6],
      sinceLog: row[7],
      txOwner: row[8],
      lastTx: row[9],
      stakeTx: row[10],
    };
  });
}

async function loadBalances(db: Queries, slots: readonly BalanceSlot[]): Promise<void> {
  const columns = new Columns(3);
  for (const { contract, account, tokenId } of slots) columns.add(contract, byteCell(account), tokenId);
  const { rows } = await db.query<[n: number, quantity: string, since: number, block: number, log: number]>({
    name: 'onchain_load_balances',
    text: LOAD_BALANCES,
    values: columns.literals(),
    rowMode: 'array',
  });
  await eachInSlices(rows, ([n, quantity, since, sinceBlock, sinceLog]) => {
    const slot = slots[n - 1];
    if (slot !== undefined) slot.row = { quantity: BigInt(quantity), since, sinceBlock, sinceLog };
  });
}
