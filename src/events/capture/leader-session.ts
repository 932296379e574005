import type { Client } from 'pg';
import type { Database } from '../../platform/database/database.js';
import type { LogEvent } from '../core/log-event.js';
import { LEASE_MS } from './lease-keeper.js';
import { logEvent, type LogRow } from './log-row.js';

/** Of sequencer_step: another leader has taken over. */
const NOT_LEADER = 'RT001';
/**
 * A leader that stops in the middle of something must not hold anything for long; a step is committed for good before
 * anyone hears of its events.
 */
const SESSION_OPTIONS = [
  'idle_in_transaction_session_timeout=500',
  'statement_timeout=10000',
  'synchronous_commit=on',
  'work_mem=32MB',
]
  .map((option) => `-c ${option}`)
  .join(' ');

/** The highest position that anyone in this process has seen. */
export interface KnownPosition {
  epoch: string;
  seq: number;
}

/** The one connection that may number events, for as long as nobody takes the lease over. */
export class LeaderSession {
  private constructor(
    private readonly client: Client,
    readonly owner: string,
    readonly leaseEpoch: number,
  ) {}

  /** The session, or undefined while another process holds the lease. */
  static async acquire(database: Database, owner: string, known: KnownPosition): Promise<LeaderSession | undefined> {
    const free = await database.one<{ free: boolean }>(
      'SELECT owner IS NULL OR owner = $1 OR lease_until < clock_timestamp() AS free FROM log_head',
      [owner],
    );
    if (free?.free !== true) return undefined;
    const client = await database.connect(SESSION_OPTIONS);
    try {
      const { rows } = await client.query<{ lease: number | null }>(
        'SELECT acquire_log_lease($1, $2, $3, $4) AS lease',
        [owner, LEASE_MS, known.epoch, known.seq],
      );
      const lease = rows[0]?.lease ?? undefined;
      if (lease !== undefined) return new LeaderSession(client, owner, lease);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    await client.end();
    return undefined;
  }

  /** Numbers up to `limit` waiting events and returns them, committed. Undefined: somebody else is the leader now. */
  async step(limit: number): Promise<LogEvent[] | undefined> {
    try {
      const { rows } = await this.client.query<LogRow>({
        name: 'step',
        text: 'SELECT * FROM sequencer_step($1, $2, $3)',
        values: [this.owner, this.leaseEpoch, limit],
        rowMode: 'array',
      });
      return rows.map(logEvent);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === NOT_LEADER) return undefined;
      throw error;
    }
  }

  /** Time is an event too: readers of the log know no other clock. */
  async tick(): Promise<void> {
    await this.client.query(`SELECT append_events('[{"type": "tick", "source": "sequencer"}]')`);
  }

  /** Gives the lease back, so that the next leader need not wait for its end. */
  async release(): Promise<void> {
    await this.client.query('SELECT release_log_lease($1, $2)', [this.owner, this.leaseEpoch]);
  }

  async end(): Promise<void> {
    await this.client.end().catch(() => undefined);
  }
}
