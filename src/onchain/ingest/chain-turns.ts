import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { acquireLease, LeaseLost, releaseLease, type ChainLease } from '../store/chain-lease.js';

/** Longest wait for other writers of a chain, ms. */
const LEASE_TIMEOUT_MS = 10_000;
const LEASE_POLL_INTERVAL_MS = 25;
const RETRY_AFTER_MS = 2_000;

/**
 * Turns of requests that feed a chain. Nobody follows a chain without endpoints, so the process that got the request leads it
 * while it writes: requests of one process take turns, and those of several processes get the lease one after the other.
 */
@Injectable()
export class ChainTurns {
  private readonly owner = `ingest:${randomUUID()}`;
  private readonly last = new Map<number, Promise<unknown>>();

  constructor(private readonly database: Database) {}

  /** Does work as the leader of a chain. */
  run<T>(chain: number, work: (lease: ChainLease) => Promise<T>): Promise<T> {
    const before = this.last.get(chain) ?? Promise.resolve();
    const turn = before.then(() => this.lead(chain, work));
    const settled = turn.catch(() => undefined);
    this.last.set(chain, settled);
    void settled.then(() => this.last.get(chain) === settled && this.last.delete(chain));
    return turn;
  }

  private async lead<T>(chain: number, work: (lease: ChainLease) => Promise<T>): Promise<T> {
    const lease = await this.lease(chain);
    try {
      return await work(lease);
    } catch (error) {
      if (error instanceof LeaseLost) throw busy(error);
      throw error;
    } finally {
      await releaseLease(this.database, lease).catch(() => undefined);
    }
  }

  private async lease(chain: number): Promise<ChainLease> {
    for (const until = performance.now() + LEASE_TIMEOUT_MS; ;) {
      const lease = await acquireLease(this.database, chain, this.owner);
      if (lease !== undefined) return lease;
      if (performance.now() > until) throw busy();
      await delay(LEASE_POLL_INTERVAL_MS);
    }
  }
}

function busy(cause?: unknown): DomainError {
  return new DomainError('unavailable', 'chain unavailable; another process writes it, try again shortly', {
    retryAfterMs: RETRY_AFTER_MS,
    cause,
  });
}
