import type { BalanceSlot, Hash, Interval, PositionChange, Projection, TokenSlot } from '../core/index.js';
import { byteCell, Columns, statementsOf } from '../store/columns.js';
import type { Pipe } from './pipe.js';

/** Rows of a batch as it leaves them: while they are written, the next batch already changes the slots. */
export interface SealedRows {
  readonly tokens: readonly (Pick<TokenSlot, 'contract' | 'tokenId' | 'row'> & { readonly slot: TokenSlot })[];
  readonly balances: readonly Pick<BalanceSlot, 'contract' | 'account' | 'tokenId' | 'row'>[];
}

type SealedToken = SealedRows['tokens'][number];

export function sealedRows({ tokens, balances }: Projection): SealedRows {
  return {
    tokens: tokens.map((slot) => ({ slot, contract: slot.contract, tokenId: slot.tokenId, row: slot.row })),
    balances: balances.map(({ contract, account, tokenId, row }) => ({ contract, account, tokenId, row })),
  };
}

/** Writes what a projection has changed. `lastTx`: the batch's last transaction, the only one that may go on in the next batch. */
export async function writeProjection(
  pipe: Pipe,
  stream: number,
  projection: Projection,
  rows: SealedRows,
  lastTx: Hash | null,
): Promise<void> {
  const [added, known] = [
    rows.tokens.filter(({ slot }) => !slot.isStored),
    rows.tokens.filter(({ slot }) => slot.isStored),
  ];
  for (const slots of statementsOf(added)) {
    await writeTokens(pipe, slots, lastTx, STATEMENTS.newTokens, STATEMENTS.newTokenRuns);
  }
  for (const slots of statementsOf(known)) {
    await writeTokens(pipe, slots, lastTx, STATEMENTS.tokens, STATEMENTS.tokenRuns);
  }
  // A batch that fails takes the rows in memory with it.
  for (const { slot } of added) slot.isStored = true;
  for (const slots of statementsOf(rows.balances)) await writeBalances(pipe, slots);
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
  slots: readonly SealedToken[],
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

function isSameToken({ contract, row: a }: SealedToken, { contract: other, row: b }: SealedToken): boolean {
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

async function writeBalances(pipe: Pipe, slots: SealedRows['balances']): Promise<void> {
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
