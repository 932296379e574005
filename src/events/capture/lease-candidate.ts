import type { Client } from 'pg';
import type { Database } from '../../platform/database/database.js';
import type { CursorPosition } from '../core/cursor.js';
import { LEASE_DURATION_MS } from './lease-keeper.js';
import { LEASE_RELEASED, LeaderSession } from './leader-session.js';

/**
 * Options of the leader's session: a stalled leader must not hold locks for long, and a step must be durable before its
 * events are published.
 */
const SESSION_OPTIONS = [
  'idle_in_transaction_session_timeout=500',
  'statement_timeout=10000',
  'synchronous_commit=on',
  'work_mem=32MB',
]
  .map((option) => `-c ${option}`)
  .join(' ');

/**
 * Waits for the log's lease on the connection that the leader will use: the connection is notified when a leader gives up
 * the lease, and is ready to use then.
 */
export class LeaseCandidate {
  private session: Client | undefined;

  constructor(
    private readonly database: Database,
    private readonly owner: string,
    private readonly onReleased: () => void,
  ) {}

  /** Whether the lease is free now. */
  async isFree(): Promise<boolean> {
    const session = await this.connected();
    const { rows } = await session.query<{ free: boolean }>(
      'SELECT owner IS NULL OR owner = $1 OR lease_until < clock_timestamp() AS free FROM log_head',
      [this.owner],
    );
    return rows[0]?.free === true;
  }

  /**
   * Acquires the lease; undefined if another process was faster. `known` is the highest position known to any process: a log
   * that ends before it has lost events and begins a new epoch.
   */
  async acquire(known: CursorPosition): Promise<LeaderSession | undefined> {
    const session = await this.connected();
    const { rows } = await session.query<{ lease: number | null }>(
      'SELECT acquire_log_lease($1, $2, $3, $4) AS lease',
      [this.owner, LEASE_DURATION_MS, known.epoch, known.seq],
    );
    const lease = rows[0]?.lease ?? undefined;
    if (lease === undefined) return undefined;
    this.session = undefined;
    return new LeaderSession(session, this.owner, lease);
  }

  async close(): Promise<void> {
    const { session } = this;
    this.session = undefined;
    await session?.end().catch(() => undefined);
  }

  private async connected(): Promise<Client> {
    if (this.session !== undefined) return this.session;
    const session = await this.database.connect(SESSION_OPTIONS);
    session.on('notification', this.onReleased);
    session.once('end', () => {
      if (this.session === session) this.session = undefined;
    });
    this.session = session;
    await session.query(`LISTEN ${LEASE_RELEASED}`);
    return session;
  }
}
