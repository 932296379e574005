import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { Database } from '../../platform/database/database.js';
import type { AsOf } from './log-tail.js';

/** Shard that this process holds; the database refuses writes with an earlier term. */
export interface Lease {
  shard: number;
  owner: string;
  term: number;
}

/** Position of a shard's evaluator in the log, and the time of the last tick up to it, Unix ms. */
export interface ShardPosition extends AsOf {
  epoch: string;
  clock: number;
}

/**
 * The shard now belongs to another process, or another process has changed its position. The work must start again from
 * the database.
 */
export class ShardMoved extends Error {
  override readonly name = 'ShardMoved';
}

/** Maximum time for which a stalled process with an open transaction can delay the shard's next owner, ms. */
const STALL_TIMEOUT_MS = 5_000;

/**
 * Positions of the shards' evaluators in the log. They are rows of `log_readers`, so that the log retains rows that an
 * evaluator has not read.
 */
@Injectable()
export class ShardStore {
  constructor(private readonly database: Database) {}

  /** Returns the stored position; a shard without one starts after the newest row of the log. */
  async position({ shard }: Lease): Promise<ShardPosition> {
    await this.database.query(
      `INSERT INTO log_readers (name, epoch, seq) SELECT $1, epoch, head_seq FROM event_log_bounds()
       ON CONFLICT (name) DO NOTHING`,
      [readerOf(shard)],
    );
    const position = await this.database.one<ShardPosition & { at: number }>(POSITION, [readerOf(shard), shard]);
    if (position === undefined) throw new ShardMoved(`shard ${shard} has no position`);
    return position;
  }

  /**
   * Locks the position inside `tx` if this process still holds the shard. `from` is the expected position. Returns 'done'
   * if the position is `to`: an earlier attempt was then committed, although its reply was lost.
   */
  async lock(tx: PoolClient, lease: Lease, from: number, to: number): Promise<'open' | 'done'> {
    const { rows } = await tx.query<{ seq: number }>(LOCK, [
      readerOf(lease.shard),
      lease.shard,
      lease.owner,
      lease.term,
      String(STALL_TIMEOUT_MS),
    ]);
    const seq = rows[0]?.seq;
    if (seq === to && to !== from) return 'done';
    if (seq !== from) throw new ShardMoved(`shard ${lease.shard} is at ${seq ?? 'another process'}, not at ${from}`);
    return 'open';
  }

  async move(tx: PoolClient, { shard }: Lease, to: { epoch: string; seq: number; clock: number }): Promise<void> {
    await tx.query(
      `WITH reader AS (
         UPDATE log_readers SET epoch = $2, seq = $3, updated_at = clock_timestamp() WHERE name = $1)
       UPDATE alert_leases SET clock = to_timestamp($4::float8 / 1000) WHERE shard = $5`,
      [readerOf(shard), to.epoch, to.seq, to.clock, shard],
    );
  }
}

const readerOf = (shard: number): string => `alerts:${shard}`;

const POSITION = `
SELECT r.epoch, r.seq::float8 AS seq,
       coalesce(extract(epoch FROM (SELECT logged_at FROM event_log e WHERE e.seq = r.seq LIMIT 1)),
                extract(epoch FROM clock_timestamp()))::float8 * 1000 AS at,
       coalesce(extract(epoch FROM l.clock) * 1000, 0)::float8 AS clock
FROM log_readers r JOIN alert_leases l ON l.shard = $2 WHERE r.name = $1`;

const LOCK = `
SELECT r.seq::float8 AS seq, set_config('idle_in_transaction_session_timeout', $5, true)
FROM log_readers r JOIN alert_leases l ON l.shard = $2 AND l.owner = $3 AND l.term = $4
WHERE r.name = $1 FOR UPDATE`;
