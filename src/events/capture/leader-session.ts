import type { Client } from 'pg';
import { errorCode } from '../../platform/errors/error-code.js';
import type { CursorPosition } from '../core/cursor.js';
import type { LogEvent } from '../core/log-event.js';
import { logEvent, MAX_DATA_BYTES, type FlaggedRow } from '../log/log-row.js';

/** SQLSTATE that sequencer_step raises if another process has become the leader. */
const NOT_LEADER = 'RT001';
/** Channel on which a stopping leader announces that the lease is free. */
export const LEASE_RELEASED = 'log_lease_released';

/** Events of a step; `isFull`: there may be more at once. */
export interface Step {
  batch: LogEvent[];
  isFull: boolean;
}

/** Connection that may number events until another process acquires the lease. */
export class LeaderSession {
  constructor(
    private readonly client: Client,
    readonly owner: string,
    readonly leaseEpoch: number,
  ) {}

  /**
   * Numbers up to `limit` waiting events, fewer if their data is large, commits, and returns them. Undefined if another
   * process is the leader now.
   */
  async step(limit: number): Promise<Step | undefined> {
    try {
      const { rows } = await this.client.query<FlaggedRow>({
        name: 'step',
        text: `SELECT *, current_setting('rta.page_snapshot') <> '' FROM sequencer_step($1, $2, $3, $4)`,
        values: [this.owner, this.leaseEpoch, limit, MAX_DATA_BYTES],
        rowMode: 'array',
      });
      return { batch: rows.map(logEvent), isFull: rows[0]?.at(-1) === true };
    } catch (error) {
      if (errorCode(error) === NOT_LEADER) return undefined;
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
