import { AsyncLocalStorage } from 'node:async_hooks';
import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import pg from 'pg';
import { Shares } from '../fairness/shares.js';
import { currentCaller } from '../fairness/working-for.js';
import { APP_ROLE, sessionUrl, valueTypes } from './connection-options.js';

export interface DatabaseOptions {
  /** Address with the login role; every connection then becomes the role of the application. */
  url: string;
  /** Maximum number of pooled connections, at least 2. */
  poolSize: number;
}

/** Longest time of a pooled statement, ms: the server then cancels it, so that no request waits longer. */
const STATEMENT_TIMEOUT_MS = 30_000;
/** Longest wait for a free connection or for the server, ms; longer ones mean that the database is unavailable. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Connections reserved for the process itself, which captures, publishes and delivers. */
const OWN_CONNECTIONS = 2;
/** Rows of a long result that are read at once: about a millisecond of the event loop. */
const PAGE_ROWS = 500;

/** Plain SQL on PostgreSQL, as the application's role. Lost connections are replaced; the statement in flight fails. */
export class Database implements OnApplicationShutdown {
  readonly pool: pg.Pool;
  readonly url: string;
  private readonly logger = new Logger(Database.name);
  private readonly shares: Shares;
  /** Set inside a transaction, whose place also serves its further queries: waiting for a second place could last for ever. */
  private readonly placeHeld = new AsyncLocalStorage<true>();

  constructor(options: DatabaseOptions) {
    this.url = options.url;
    this.shares = new Shares({ places: Math.max(1, options.poolSize - OWN_CONNECTIONS), waitMs: CONNECT_TIMEOUT_MS });
    this.pool = new pg.Pool({
      connectionString: sessionUrl(options.url, `-c role=${APP_ROLE} -c statement_timeout=${STATEMENT_TIMEOUT_MS}`),
      application_name: 'defi-realtime',
      max: options.poolSize,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: 60_000,
      keepAlive: true,
      types: valueTypes,
    });
    // Without a listener, the event of a lost connection, idle or in use, would end the process.
    this.pool.on('connect', (client) => client.on('error', (error) => this.connectionLost(error)));
    this.pool.on('error', () => undefined);
  }

  query<T extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<T[]> {
    return this.inPlace(async () => (await this.pool.query<T>(text, [...values])).rows);
  }

  /** Returns rows as arrays: a third of the parsing time of objects. */
  arrays<T extends unknown[]>(text: string, values: readonly unknown[]): Promise<T[]> {
    return this.inPlace(async () => (await this.pool.query<T>({ text, values: [...values], rowMode: 'array' })).rows);
  }

  /** Returns the first row, or undefined without one. */
  async one<T extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<T | undefined> {
    const [row] = await this.query<T>(text, values);
    return row;
  }

  /**
   * Yields a long result in pages of one snapshot of the database: the driver turns a whole result into rows in one go, which
   * for 60,000 of them held the event loop for 100 ms.
   */
  async *pages<T extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): AsyncGenerator<T[]> {
    const leave = await this.place();
    let client: pg.PoolClient | undefined;
    let broken: Error | undefined;
    try {
      client = await this.pool.connect();
      await client.query('BEGIN READ ONLY');
      // Plans for all rows instead of the first ones.
      await client.query('SET LOCAL cursor_tuple_fraction = 1');
      await client.query(`DECLARE result NO SCROLL CURSOR FOR ${text}`, [...values]);
      for (;;) {
        const { rows } = await client.query<T>(`FETCH ${PAGE_ROWS} FROM result`);
        if (rows.length > 0) yield rows;
        if (rows.length < PAGE_ROWS) return;
      }
    } finally {
      await client?.query('ROLLBACK').catch((failure: Error) => (broken = failure));
      client?.release(broken);
      leave();
    }
  }

  /** Commits the changes of `work` when it resolves, rolls back when it rejects. */
  transaction<T>(work: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
    return this.inPlace(() => this.placeHeld.run(true, () => this.inTransaction(work)));
  }

  private async inPlace<T>(work: () => Promise<T>): Promise<T> {
    const leave = await this.place();
    try {
      return await work();
    } finally {
      leave();
    }
  }

  private async inTransaction<T>(work: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    try {
      await client.query('BEGIN');
      const result = await work(client);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch((failure: Error) => (broken = failure));
      throw error;
    } finally {
      client.release(broken);
    }
  }

  /**
   * Opens a separate connection, outside the pool and without statement timeout, for work that needs one for long. The caller
   * ends it and watches its `end` event. `options` are further start-up options, such as `-c work_mem=64MB`.
   */
  async connect(options = ''): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: sessionUrl(this.url, `-c role=${APP_ROLE} ${options}`.trim()),
      application_name: 'defi-realtime',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      types: valueTypes,
    });
    client.on('error', (error) => this.connectionLost(error));
    await client.connect();
    return client;
  }

  async onApplicationShutdown(): Promise<void> {
    if (!this.pool.ended) await this.pool.end();
  }

  /** Waits for a connection in the turn of the caller; work of the process itself does not wait behind callers. */
  private place(): Promise<() => void> {
    const caller = currentCaller();
    if (caller === undefined || this.placeHeld.getStore()) return Promise.resolve(() => undefined);
    return this.shares.enter(caller, () => new Error('timeout exceeded when trying to connect'));
  }

  /** Logs a lost connection; during a shutdown an error of a server that stops at the same moment is no loss. */
  private connectionLost(error: Error): void {
    if (this.pool.ending) return;
    this.logger.warn({ reason: error.message }, 'database connection lost');
  }
}
