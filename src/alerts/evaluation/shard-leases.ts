import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { Settings } from '../../platform/settings/settings.js';
import type { Lease } from './shard-store.js';

/** Length of a lease, ms: after this time without a renewal another process takes the shard. */
const LEASE_DURATION_MS = 3_000;
/** Time without a sign of life after which a process no longer counts for the shares of shards, ms. */
const WORKER_TIMEOUT_MS = 5_000;

const ALL_SHARDS = 4;

/**
 * Leases of the shards: one process at a time evaluates a shard, and all processes hold about the same number. Times are
 * those of the database's clock.
 */
@Injectable()
export class ShardLeases {
  /** Name of this process. */
  readonly owner = `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`;

  /** Whether no other process can use the database, as without Redis: leases of an earlier process are then taken over. */
  private readonly alone: boolean;

  constructor(
    private readonly database: Database,
    { redisUrl }: Settings,
  ) {
    this.alone = redisUrl === undefined;
  }

  /**
   * Registers this process as alive, renews its leases, takes free shards and releases those beyond its share. Returns
   * the leases that it now holds.
   */
  async renew(): Promise<Lease[]> {
    const share = await this.share();
    await this.database.query(RENEW, [this.owner, LEASE_DURATION_MS]);
    await this.database.query(TAKE, [this.owner, LEASE_DURATION_MS, share, this.alone]);
    return this.database.query<Lease & { owner: string }>(HELD, [this.owner, share]);
  }

  /** Releases shards, so that other processes need not wait for the lease to expire. */
  async release(leases: readonly Lease[]): Promise<void> {
    await this.database.query(RELEASE, [
      this.owner,
      leases.map((lease) => lease.shard),
      leases.map((lease) => lease.term),
    ]);
  }

  async leave(): Promise<void> {
    await this.database.query('DELETE FROM alert_workers WHERE owner = $1', [this.owner]);
  }

  private async share(): Promise<number> {
    if (this.alone) return ALL_SHARDS;
    const row = await this.database.one<{ share: number }>(SHARE, [this.owner, WORKER_TIMEOUT_MS]);
    return row?.share ?? 1;
  }
}

const SHARE = `
WITH seen AS (
  INSERT INTO alert_workers (owner) VALUES ($1) ON CONFLICT (owner) DO UPDATE SET seen_at = clock_timestamp()),
gone AS (
  DELETE FROM alert_workers WHERE seen_at < clock_timestamp() - $2::float8 * interval '1 ms' AND owner <> $1)
SELECT ceil((SELECT count(*) FROM alert_leases)::float8 / (1 + (
  SELECT count(*) FROM alert_workers WHERE owner <> $1 AND seen_at >= clock_timestamp() - $2::float8 * interval '1 ms'
)))::int AS share`;

const RENEW = `
UPDATE alert_leases SET held_until = clock_timestamp() + $2::float8 * interval '1 ms' WHERE owner = $1`;

// Locked rows are skipped: their owner is using them.
const TAKE = `
UPDATE alert_leases SET owner = $1, term = term + 1, held_until = clock_timestamp() + $2::float8 * interval '1 ms'
WHERE shard IN (
  SELECT shard FROM alert_leases
  WHERE owner IS NULL OR held_until < clock_timestamp() OR ($4 AND owner <> $1)
  ORDER BY shard LIMIT greatest(0, $3 - (SELECT count(*) FROM alert_leases WHERE owner = $1))
  FOR UPDATE SKIP LOCKED)`;

const RELEASE = `
UPDATE alert_leases l SET owner = NULL FROM unnest($2::smallint[], $3::bigint[]) AS held (shard, term)
WHERE l.owner = $1 AND l.shard = held.shard AND l.term = held.term`;

const HELD = `
SELECT shard, owner, term::float8 AS term FROM alert_leases WHERE owner = $1 ORDER BY shard LIMIT $2`;
