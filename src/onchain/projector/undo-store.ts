import type { ClientBase } from 'pg';
import type { Projection } from '../core/index.js';
import { Columns, byteCell, statementsOf } from '../store/columns.js';
import type { Pipe } from './pipe.js';

/** Tables with before-images: their keys and the columns that a rollback restores. */
const UNDONE = [
  {
    table: 'onchain_tokens',
    undo: 'onchain_token_undo',
    key: ['contract', 'token_id'],
    rest: [
      'owner',
      'owner_since_ms',
      'staker',
      'since_ms',
      'since_block',
      'since_log',
      'tx_owner',
      'last_tx',
      'stake_tx',
    ],
  },
  {
    table: 'onchain_balances',
    undo: 'onchain_balance_undo',
    key: ['contract', 'account', 'token_id'],
    rest: ['quantity', 'since_ms', 'since_block', 'since_log'],
  },
  {
    table: 'onchain_positions',
    undo: 'onchain_position_undo',
    key: ['account', 'contract'],
    rest: ['base', 'staked', 'held'],
  },
] as const;

type Undone = (typeof UNDONE)[number];

/**
 * Stores the before-images of a batch. Must precede its changes of positions, whose images are computed from the stored rows.
 * An image that an earlier batch stored for the same block stays.
 */
export async function writeImages(pipe: Pipe, stream: number, projection: Projection): Promise<void> {
  for (const images of statementsOf(projection.tokensBefore)) {
    const columns = new Columns(10);
    for (const { block, contract, tokenId, row } of images) {
      columns.add(
        block,
        row !== null,
        contract,
        tokenId,
        byteCell(row?.owner ?? null),
        row?.ownerSince ?? 0,
        byteCell(row?.staker ?? null),
        row?.since ?? 0,
        row?.sinceBlock ?? 0,
        row?.sinceLog ?? 0,
      );
    }
    await pipe.send({ name: 'onchain_undo_tokens', text: TOKEN_IMAGES, values: [stream, ...columns.literals()] });
  }
  for (const images of statementsOf(projection.balancesBefore)) {
    const columns = new Columns(9);
    for (const { block, contract, account, tokenId, row } of images) {
      const { quantity = 0n, since = 0, sinceBlock = 0, sinceLog = 0 } = row ?? {};
      columns.add(block, row !== null, contract, byteCell(account), tokenId, quantity, since, sinceBlock, sinceLog);
    }
    await pipe.send({ name: 'onchain_undo_balances', text: BALANCE_IMAGES, values: [stream, ...columns.literals()] });
  }
  for (const images of statementsOf(projection.positions.images)) {
    const columns = new Columns(7);
    for (const { block, isPreceded, account, contract, base, staked, held } of images) {
      columns.add(block, isPreceded, byteCell(account), contract, base, staked, held);
    }
    await pipe.send({ name: 'onchain_undo_positions', text: POSITION_IMAGES, values: [stream, ...columns.literals()] });
  }
}

/** Transactions are not restored: none of a block that is undone has begun in a block before it. */
const TOKEN_IMAGES = `INSERT INTO onchain_token_undo (stream, block, existed, contract, token_id, owner, owner_since_ms, staker,
    since_ms, since_block, since_log)
  SELECT $1, b, e, c, id, o, os, st, ms, sb, sl
  FROM unnest($2::bigint[], $3::boolean[], $4::int[], $5::numeric[], $6::bytea[], $7::bigint[], $8::bytea[], $9::bigint[],
    $10::bigint[], $11::int[]) AS row (b, e, c, id, o, os, st, ms, sb, sl)
  ON CONFLICT DO NOTHING`;

const BALANCE_IMAGES = `INSERT INTO onchain_balance_undo (stream, block, existed, contract, account, token_id, quantity, since_ms,
    since_block, since_log)
  SELECT $1, b, e, c, a, id, q, ms, sb, sl
  FROM unnest($2::bigint[], $3::boolean[], $4::int[], $5::bytea[], $6::numeric[], $7::numeric[], $8::bigint[], $9::bigint[],
    $10::int[]) AS row (b, e, c, a, id, q, ms, sb, sl)
  ON CONFLICT DO NOTHING`;

const POSITION_IMAGES = `INSERT INTO onchain_position_undo (stream, block, existed, account, contract, base, staked, held)
  SELECT $1, r.b, r.e OR p.base IS NOT NULL, r.a, r.c, coalesce(p.base, 0) + r.base,
    coalesce(p.staked, 0) + r.staked, coalesce(p.held, 0) + r.held
  FROM unnest($2::bigint[], $3::boolean[], $4::bytea[], $5::int[], $6::numeric[], $7::numeric[], $8::numeric[])
      AS r (b, e, a, c, base, staked, held)
    LEFT JOIN LATERAL (SELECT * FROM onchain_positions p WHERE p.account = r.a AND p.contract = r.c LIMIT 1) AS p
      ON true
  ON CONFLICT DO NOTHING`;

/** Restores the rows of a stream as they were after a block, and drops the images above it and the intervals that ended there. */
export async function restore(tx: ClientBase, stream: number, block: number): Promise<void> {
  await usePlans(tx, 'off');
  for (const undone of UNDONE) await restoreTable(tx, undone, stream, block);
  await tx.query('DELETE FROM onchain_intervals WHERE stream = $1 AND to_block > $2', [stream, block]);
  await tx.query('DELETE FROM onchain_projections WHERE stream = $1 AND block > $2', [stream, block]);
  await usePlans(tx, 'on');
}

/** Allows or forbids plans that read a whole table: without statistics the planner may prefer them to the few rows' index. */
async function usePlans(tx: ClientBase, ofWholeTables: 'on' | 'off'): Promise<void> {
  await tx.query(
    `SELECT set_config(name, $1, true) FROM unnest('{enable_seqscan,enable_hashjoin,enable_mergejoin}'::text[]) AS name`,
    [ofWholeTables],
  );
}

/** Restores from the earliest image above the block; the work grows with the blocks that are undone, not with the table. */
async function restoreTable(
  tx: ClientBase,
  { table, undo, key, rest }: Undone,
  stream: number,
  block: number,
): Promise<void> {
  const columns = [...key, ...rest].join(', ');
  const earliest = `SELECT DISTINCT ON (${key.join(', ')}) existed, ${columns} FROM ${undo}
    WHERE stream = $1 AND block > $2 ORDER BY ${key.join(', ')}, block`;
  await tx.query(
    `WITH earliest AS MATERIALIZED (${earliest}), gone AS (
       DELETE FROM ${table} AS t WHERE (${key.map((name) => `t.${name}`).join(', ')}) IN (
         SELECT ${key.join(', ')} FROM earliest WHERE NOT existed))
     INSERT INTO ${table} (${columns}) SELECT ${columns} FROM earliest WHERE existed
     ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${rest.map((name) => `${name} = excluded.${name}`).join(', ')}`,
    [stream, block],
  );
  await tx.query(`DELETE FROM ${undo} WHERE stream = $1 AND block > $2`, [stream, block]);
}

/** Deletes the before-images up to a block. */
export async function pruneImages(tx: ClientBase, chain: number, upTo: number): Promise<void> {
  if (upTo < 0) return;
  await tx.query('UPDATE onchain_streams SET undo_from = greatest(undo_from, $2) WHERE chain = $1', [chain, upTo]);
  for (const { undo } of UNDONE) {
    await tx.query(
      `DELETE FROM ${undo} WHERE stream = ANY (ARRAY(SELECT id FROM onchain_streams WHERE chain = $1)) AND block <= $2`,
      [chain, upTo],
    );
  }
}
