import { Injectable } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { Database } from '../../platform/database/database.js';
import type { Address, BlockHeader, ChainEvent, Hash } from '../core/index.js';
import { fence, stamp, type ChainLease } from './chain-lease.js';
import {
  bytes,
  hexOf,
  insertDeadLogs,
  insertLogs,
  type ContractKey,
  type DeadLog,
  type LogSource,
} from './log-rows.js';

/** Position of a block; `at` is its time in Unix milliseconds. */
export interface BlockRef {
  readonly number: number;
  readonly hash: Hash;
  readonly at: number;
}

/** Blocks that are stored together. */
export interface BlockBatch {
  /** Headers to keep: of the blocks that may still be replaced, and of the last block of a range of final ones. */
  readonly blocks: readonly BlockHeader[];
  /** Events in the order of the chain. */
  readonly events: readonly ChainEvent[];
  readonly dead: readonly DeadLog[];
  /** Blocks, both included, whose logs are complete in this batch for the contracts `keys`; none if `to` is below `from`. */
  readonly covered: { readonly from: number; readonly to: number };
  /** Contracts that were read, by address; two for an address whose state is projected anew. */
  readonly keys: ReadonlyMap<Address, readonly ContractKey[]>;
  /** Newest block of the chain, if this batch moves it. */
  readonly head?: BlockRef;
  /** Newest block that can no longer be replaced, if it is known. */
  readonly final?: BlockRef;
  readonly source: LogSource;
}

/** Effects of a reorganisation on the rest of the state, within its transaction. */
export interface ReorgWork {
  /** Takes the state of all streams back to the block; called before the new branch is stored. */
  rollBack(tx: ClientBase, toBlock: number): Promise<void>;
  /** Announces the reorganisation; called after the new branch is stored. */
  announce(tx: ClientBase): Promise<void>;
}

/** Stores blocks and logs. Each change is one transaction that only the chain's leader can commit. */
@Injectable()
export class ChainStore {
  constructor(private readonly database: Database) {}

  /**
   * Stores a batch: blocks, logs, coverage and the chain's newest blocks. Nobody relies on rows that no coverage names, so the
   * chain is locked after they are written: meanwhile the batch before may be projected.
   */
  async flush(lease: ChainLease, batch: BlockBatch): Promise<void> {
    await this.database.transaction(async (tx) => {
      await storeRows(tx, lease.chain, batch);
      await fence(tx, lease);
      await moveChain(tx, lease.chain, batch);
      await stamp(tx, lease);
    });
  }

  /** Stores a batch after `before`, which is done in the same transaction, with the chain locked. */
  async flushAfter(lease: ChainLease, batch: BlockBatch, before: (tx: ClientBase) => Promise<void>): Promise<void> {
    await this.database.transaction(async (tx) => {
      await fence(tx, lease);
      await before(tx);
      await storeRows(tx, lease.chain, batch);
      await moveChain(tx, lease.chain, batch);
      await stamp(tx, lease);
    });
  }

  /**
   * Replaces the blocks above the ancestor by those of the batch. Logs of the old branch are kept, no longer canonical. The
   * new branch must be complete: nothing is retracted for a branch that is not known yet.
   */
  async reorg(lease: ChainLease, ancestor: number, batch: BlockBatch, work: ReorgWork): Promise<void> {
    await this.database.transaction(async (tx) => {
      await fence(tx, lease);
      await work.rollBack(tx, ancestor);
      await retractAbove(tx, lease.chain, ancestor);
      await storeRows(tx, lease.chain, batch);
      await moveChain(tx, lease.chain, batch);
      await work.announce(tx);
      await stamp(tx, lease);
    });
  }

  /** Returns the stored canonical headers from a block on, the lowest first; `logsBloom` is not stored. */
  async headers(chain: number, from: number): Promise<(BlockRef & { parentHash: Hash })[]> {
    const rows = await this.database.query<{ number: string; hash: Buffer; parent: Buffer; at: string }>(
      `SELECT number, hash, parent_hash AS parent, at_ms AS at FROM onchain_blocks
       WHERE chain = $1 AND canonical AND number >= $2 ORDER BY number`,
      [chain, from],
    );
    return rows.map((row) => ({
      number: Number(row.number),
      hash: hexOf(row.hash),
      parentHash: hexOf(row.parent),
      at: Number(row.at),
    }));
  }

  /** Deletes headers below a block; the logs keep their own hashes and times. */
  async forgetHeaders(chain: number, below: number): Promise<void> {
    await this.database.query('DELETE FROM onchain_blocks WHERE chain = $1 AND number < $2', [chain, below]);
  }
}

async function storeRows(tx: ClientBase, chain: number, batch: BlockBatch): Promise<void> {
  await insertBlocks(tx, chain, batch.blocks);
  await insertLogs(tx, chain, batch.events, batch.keys, batch.source);
  await insertDeadLogs(tx, chain, batch.dead, batch.keys);
}

/** Moves the coverage of the contracts that were read, and the chain's newest blocks. */
async function moveChain(tx: ClientBase, chain: number, batch: BlockBatch): Promise<void> {
  const ids = [...batch.keys.values()].flat().map(({ id }) => id);
  await tx.query({
    name: 'onchain_cover',
    text: `UPDATE onchain_contracts SET covered = covered + int8multirange(int8range(greatest($2::bigint, from_block), $3, '[]'))
      WHERE id = ANY ($1::int[]) AND greatest($2::bigint, from_block) <= $3`,
    values: [ids, batch.covered.from, batch.covered.to],
  });
  await moveHeads(tx, chain, batch);
}

/** Stores headers as canonical ones. A retracted block that a writer had posted with a wrong number gets its right one. */
export async function insertBlocks(tx: ClientBase, chain: number, blocks: readonly BlockHeader[]): Promise<void> {
  if (blocks.length === 0) return;
  await tx.query({
    name: 'onchain_insert_blocks',
    text: `INSERT INTO onchain_blocks (chain, number, hash, parent_hash, at_ms)
      SELECT $1, n, h, p, ms FROM unnest($2::bigint[], $3::bytea[], $4::bytea[], $5::bigint[]) AS row (n, h, p, ms)
      ON CONFLICT (chain, hash) DO UPDATE SET canonical = true, number = excluded.number, at_ms = greatest(onchain_blocks.at_ms, excluded.at_ms)`,
    values: [
      chain,
      blocks.map(({ number }) => number),
      blocks.map(({ hash }) => bytes(hash)),
      blocks.map(({ parentHash }) => bytes(parentHash)),
      blocks.map(({ at }) => at),
    ],
  });
}

/** Moves the newest and the final block. The time of the final one is the highest of all up to it, as that of a stream is. */
async function moveHeads(tx: ClientBase, chain: number, { head, final }: BlockBatch): Promise<void> {
  if (head === undefined && final === undefined) return;
  await tx.query({
    name: 'onchain_heads',
    text: `UPDATE onchain_chains SET head_number = coalesce($2, head_number), head_hash = coalesce($3, head_hash),
        head_ms = coalesce($4, head_ms),
        final_hash = CASE WHEN $5::bigint > final_number THEN $6 ELSE final_hash END,
        final_ms = CASE WHEN $5::bigint > final_number THEN greatest(final_ms, $7, (SELECT max(b.at_ms) FROM onchain_blocks b
          WHERE b.chain = $1 AND canonical AND number > final_number AND number <= $5)) ELSE final_ms END,
        final_number = greatest(final_number, $5::bigint)
      WHERE id = $1`,
    values: [
      chain,
      head?.number ?? null,
      head === undefined ? null : bytes(head.hash),
      head?.at ?? null,
      final?.number ?? null,
      final === undefined ? null : bytes(final.hash),
      final?.at ?? null,
    ],
  });
}

/** Makes blocks and logs above a block non-canonical, and cuts the coverage there. */
export async function retractAbove(tx: ClientBase, chain: number, block: number): Promise<void> {
  const values = [chain, block];
  await tx.query('UPDATE onchain_blocks SET canonical = false WHERE chain = $1 AND number > $2 AND canonical', values);
  await tx.query(
    'UPDATE onchain_logs SET canonical = false WHERE chain = $1 AND block_number > $2 AND canonical',
    values,
  );
  await tx.query(
    'UPDATE onchain_dead_logs SET canonical = false WHERE chain = $1 AND block_number > $2 AND canonical',
    values,
  );
  await tx.query(
    `UPDATE onchain_contracts SET covered = covered * int8multirange(int8range(NULL, $2, '(]')) WHERE chain = $1`,
    values,
  );
}
