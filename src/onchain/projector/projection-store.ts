import type { ClientBase } from 'pg';
import { eachInSlices } from '../../platform/loop/slices.js';
import {
  type Address,
  type BalanceSlot,
  type Hash,
  type HotRows,
  type Interval,
  type MissingRows,
  type PositionChange,
  type Projection,
  type TokenRange,
  type TokenSlot,
} from '../core/index.js';
import { Columns, byteCell, statementsOf } from './columns.js';
import type { Pipe } from './pipe.js';

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

/** Writes what a projection has changed. `lastTx`: the batch's last transaction, the only one that may go on in the next batch. */
export async function writeProjection(
  pipe: Pipe,
  stream: number,
  projection: Projection,
  lastTx: Hash | null,
): Promise<void> {
  const [added, known] = [
    projection.tokens.filter(({ isStored }) => !isStored),
    projection.tokens.filter(({ isStored }) => isStored),
  ];
  for (const slots of statementsOf(added)) {
    await writeTokens(pipe, slots, lastTx, STATEMENTS.newTokens, STATEMENTS.newTokenRuns);
  }
  for (const slots of statementsOf(known)) {
    await writeTokens(pipe, slots, lastTx, STATEMENTS.tokens, STATEMENTS.tokenRuns);
  }
  // A batch that fails takes the rows in memory with it.
  for (const slot of added) slot.isStored = true;
  for (const slots of statementsOf(projection.balances)) await writeBalances(pipe, slots);
  for (const intervals of statementsOf(projection.intervals)) await writeIntervals(pipe, stream, intervals);
  const changes = [...projection.positions].filter(
    ({ base, staked, held }) => base !== 0n || staked !== 0n || held !== 0n,
  );
  for (const some of statementsOf(changes)) await writePositions(pipe, some);
}

const INSERT_TOKENS = (
  source: string,
  tokenId: string,
): string => `INSERT INTO onchain_tokens AS t (contract, token_id, owner,
    owner_since_ms, staker, since_ms, since_block, since_log, tx_owner, last_tx, stake_tx)
  SELECT c, ${tokenId}, o, os, st, ms, b, l, txo, tx, stx
  FROM unnest($1::int[], $2::numeric[], $3::int[], $4::bytea[], $5::bigint[], $6::bytea[], $7::bigint[], $8::bigint[],
    $9::int[], $10::bytea[], $11::bytea[], $12::bytea[]) AS row (c, id, n, o, os, st, ms, b, l, txo, tx, stx)${source}`;

const INSERT_INTERVALS = (
  source: string,
  tokenId: string,
): string => `INSERT INTO onchain_intervals (stream, contract, token_id,
    account, staked, quantity, from_ms, from_block, from_log, to_ms, to_block, to_log)
  SELECT $1, c, ${tokenId}, a, s, q, fms, fb, fl, tms, tb, tl
  FROM unnest($2::int[], $3::numeric[], $4::int[], $5::bytea[], $6::boolean[], $7::numeric[], $8::bigint[], $9::bigint[],
    $10::int[], $11::bigint[], $12::bigint[], $13::int[]) AS row (c, id, n, a, s, q, fms, fb, fl, tms, tb, tl)${source}`;

/** Tokens that are stored; those that are new are inserted without a look at the ones there. */
const OR_UPDATE = `
  ON CONFLICT (contract, token_id) DO UPDATE SET owner = excluded.owner, owner_since_ms = excluded.owner_since_ms,
    staker = excluded.staker, since_ms = excluded.since_ms, since_block = excluded.since_block,
    since_log = excluded.since_log, tx_owner = excluded.tx_owner, last_tx = excluded.last_tx, stake_tx = excluded.stake_tx`;

/** Rows of tokens with ids in a row that are otherwise equal, as batch events make them, are sent as one. */
const IN_A_ROW = ', generate_series(0, n - 1) AS g';
const STATEMENTS = {
  newTokens: { name: 'onchain_insert_tokens', text: INSERT_TOKENS('', 'id') },
  newTokenRuns: { name: 'onchain_insert_token_runs', text: INSERT_TOKENS(IN_A_ROW, 'id + g') },
  tokens: { name: 'onchain_write_tokens', text: `${INSERT_TOKENS('', 'id')}${OR_UPDATE}` },
  tokenRuns: { name: 'onchain_write_token_runs', text: `${INSERT_TOKENS(IN_A_ROW, 'id + g')}${OR_UPDATE}` },
  intervals: { name: 'onchain_write_intervals', text: INSERT_INTERVALS('', 'id') },
  intervalRuns: { name: 'onchain_write_interval_runs', text: INSERT_INTERVALS(IN_A_ROW, 'id + g') },
  balances: {
    name: 'onchain_write_balances',
    text: `INSERT INTO onchain_balances AS t (contract, account, token_id, quantity, since_ms, since_block, since_log)
      SELECT c, a, id, q, ms, b, l
      FROM unnest($1::int[], $2::bytea[], $3::numeric[], $4::numeric[], $5::bigint[], $6::bigint[], $7::int[])
        AS row (c, a, id, q, ms, b, l)
      ON CONFLICT (contract, account, token_id) DO UPDATE SET quantity = excluded.quantity, since_ms = excluded.since_ms,
        since_block = excluded.since_block, since_log = excluded.since_log`,
  },
  positions: {
    name: 'onchain_write_positions',
    text: `INSERT INTO onchain_positions AS t (account, contract, base, staked, held)
      SELECT a, c, b, s, h FROM unnest($1::bytea[], $2::int[], $3::numeric[], $4::numeric[], $5::numeric[])
        AS row (a, c, b, s, h)
      ON CONFLICT (account, contract) DO UPDATE SET base = t.base + excluded.base, staked = t.staked + excluded.staked,
        held = t.held + excluded.held`,
  },
} as const;

/** Calls `add` for each run of rows that are equal but for ids that follow each other. */
function eachRun<T extends { readonly tokenId: bigint }>(
  rows: readonly T[],
  isSame: (a: T, b: T) => boolean,
  add: (first: T, count: number) => void,
): boolean {
  let first: T | undefined;
  let last: T | undefined;
  let count = 0;
  let hasRuns = false;
  for (const row of rows) {
    if (first !== undefined && last !== undefined && row.tokenId === last.tokenId + 1n && isSame(first, row)) {
      count += 1;
      hasRuns = true;
    } else {
      if (first !== undefined) add(first, count);
      first = row;
      count = 1;
    }
    last = row;
  }
  if (first !== undefined) add(first, count);
  return hasRuns;
}

async function writeTokens(
  pipe: Pipe,
  slots: readonly TokenSlot[],
  lastTx: Hash | null,
  ofSingles: { name: string; text: string },
  ofRuns: { name: string; text: string },
): Promise<void> {
  const columns = new Columns(12);
  const hasRuns = eachRun(slots, isSameToken, ({ contract, tokenId, row }, count) => {
    if (row === null) return;
    const isOpen = row.lastTx === lastTx;
    columns.add(
      contract,
      tokenId,
      count,
      byteCell(row.owner),
      row.ownerSince,
      byteCell(row.staker),
      row.since,
      row.sinceBlock,
      row.sinceLog,
      isOpen ? byteCell(row.txOwner) : null,
      isOpen ? byteCell(row.lastTx) : null,
      isOpen ? byteCell(row.stakeTx) : null,
    );
  });
  await pipe.send({ ...(hasRuns ? ofRuns : ofSingles), values: columns.literals() });
}

function isSameToken({ contract, row: a }: TokenSlot, { contract: other, row: b }: TokenSlot): boolean {
  return (
    contract === other &&
    a !== null &&
    b !== null &&
    a.owner === b.owner &&
    a.ownerSince === b.ownerSince &&
    a.staker === b.staker &&
    a.since === b.since &&
    a.sinceBlock === b.sinceBlock &&
    a.sinceLog === b.sinceLog &&
    a.txOwner === b.txOwner &&
    a.lastTx === b.lastTx &&
    a.stakeTx === b.stakeTx
  );
}

async function writeIntervals(pipe: Pipe, stream: number, intervals: readonly Interval[]): Promise<void> {
  const columns = new Columns(12);
  const hasRuns = eachRun(intervals, isSameInterval, (one, count) =>
    columns.add(
      one.contract,
      one.tokenId,
      count,
      byteCell(one.account),
      one.staked,
      one.quantity,
      one.from,
      one.fromBlock,
      one.fromLog,
      one.to,
      one.toBlock,
      one.toLog,
    ),
  );
  const statement = hasRuns ? STATEMENTS.intervalRuns : STATEMENTS.intervals;
  await pipe.send({ ...statement, values: [stream, ...columns.literals()] });
}

function isSameInterval(a: Interval, b: Interval): boolean {
  return (
    a.contract === b.contract &&
    a.account === b.account &&
    a.staked === b.staked &&
    a.quantity === b.quantity &&
    a.from === b.from &&
    a.fromBlock === b.fromBlock &&
    a.fromLog === b.fromLog &&
    a.toBlock === b.toBlock &&
    a.toLog === b.toLog &&
    a.to === b.to
  );
}

async function writeBalances(pipe: Pipe, slots: readonly BalanceSlot[]): Promise<void> {
  const columns = new Columns(7);
  for (const { contract, account, tokenId, row } of slots) {
    if (row === null) continue;
    columns.add(contract, byteCell(account), tokenId, row.quantity, row.since, row.sinceBlock, row.sinceLog);
  }
  await pipe.send({ ...STATEMENTS.balances, values: columns.literals() });
}

async function writePositions(pipe: Pipe, changes: readonly PositionChange[]): Promise<void> {
  const columns = new Columns(5);
  for (const { account, contract, base, staked, held } of changes) {
    columns.add(byteCell(account), contract, base, staked, held);
  }
  await pipe.send({ ...STATEMENTS.positions, values: columns.literals() });
}
