import type { Client } from 'pg';
import type { CursorPosition } from '../core/cursor.js';
import type { LogEvent } from '../core/log-event.js';
import { logEvent, type LogRow } from './log-row.js';

/** SQLSTATE that sequencer_step raises if another process has become the leader. */
const NOT_LEADER = 'RT001';
/** Channel on which a stopping leader announces that the lease is free. */
export const LEASE_RELEASED = 'log_lease_released';

/** Connection that may number events until another process acquires the lease. */
export class LeaderSession {
  constructor(
    private readonly client: Client,
    readonly owner: string,
    readonly leaseEpoch: number,
  ) {}

  /** Numbers up to `limit` waiting events, commits, and returns them. Undefined if another process is the leader now. */
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

  /** Appends a tick, the only clock of alert rules and other readers of the log. */
  async tick(): Promise<void> {
    await this.client.query(`SELECT append_events('[{"type": "tick", "source": "sequencer"}]')`);
  }

  /** Returns the current head of the log. */
  async head(): Promise<CursorPosition> {
    const { rows } = await this.client.query<CursorPosition>('SELECT epoch, head_seq AS seq FROM event_log_bounds()');
    if (rows[0] === undefined) throw new Error('The event log has no head row; the database is not migrated.');
    return rows[0];
  }

  /** Gives up the lease and announces that it is free, so that the next leader need not wait until it expires. */
  async release(): Promise<void> {
    const values = [this.owner, this.leaseEpoch, LEASE_RELEASED];
    await this.client.query(`SELECT release_log_lease($1, $2), pg_notify($3, '')`, values);
  }

  async end(): Promise<void> {
    await this.client.end().catch(() => undefined);
  }
}
