import type { PgPool, PgQueryResult } from 'bullmq';
import pg from 'pg';
import { APP_ROLE, sessionUrl } from '../database/connection-options.js';
import { isConnectionLoss } from '../errors/database-errors.js';
import type { StoreState } from './store-state.js';

/** Schema of BullMQ's tables and functions. */
const QUEUE_SCHEMA = 'bullmq';
const STATEMENT_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 1_000;

/**
 * Error whose code makes BullMQ repeat the operation until it succeeds: BullMQ treats no other code as a lost connection.
 */
class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';
  readonly code = 'ECONNREFUSED';

  constructor(cause: unknown) {
    super(`ECONNREFUSED: the database is unavailable (${String(cause)})`, { cause });
  }
}

/** Connections for BullMQ, with the application's role and the schema of the queues. */
export class QueuePool implements PgPool {
  /** Option that BullMQ reads from the pool: without it BullMQ waits for notifications for 10 s at most. */
  readonly options = { keepAlive: true };
  private readonly pool: pg.Pool;

  constructor(
    url: string,
    size: number,
    private readonly state: StoreState,
  ) {
    const options = `-c role=${APP_ROLE} -c search_path=${QUEUE_SCHEMA} -c statement_timeout=${STATEMENT_TIMEOUT_MS}`;
    this.pool = new pg.Pool({
      connectionString: sessionUrl(url, options),
      application_name: 'defi-realtime-queues',
      max: size,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: 60_000,
      ...this.options,
    });
    this.pool.on('connect', (client) => client.on('error', (error) => this.lost(error)));
    this.pool.on('error', () => undefined);
  }

  query(text: string, params: readonly unknown[] = []): Promise<PgQueryResult> {
    return this.translated(() => this.pool.query(text, [...params]));
  }

  connect(): Promise<pg.PoolClient> {
    return this.translated(() => this.pool.connect());
  }

  async end(): Promise<void> {
    if (!this.pool.ended) await this.pool.end();
  }

  /** Ignores listeners: lost connections are reported to `StoreState`. */
  on(): this {
    return this;
  }

  removeAllListeners(): this {
    return this;
  }

  private async translated<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      this.state.up();
      return result;
    } catch (error) {
      if (!isConnectionLoss(error)) throw error;
      this.lost(error);
      throw new DatabaseUnavailable(error);
    }
  }

  /** Reports a lost connection, except during the shutdown, when the server may stop at the same moment. */
  private lost(error: unknown): void {
    if (!this.pool.ending) this.state.lost(error);
  }
}
