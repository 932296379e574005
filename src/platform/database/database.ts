import { AsyncLocalStorage } from 'node:async_hooks';
import { availableParallelism } from 'node:os';
import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import pg from 'pg';
import { Shares } from '../fairness/shares.js';
import { currentActor, currentCaller } from '../fairness/working-for.js';
import { MeasuredPool } from './measured-pool.js';
import { beginAsCurrent, namesOwnedRows, runAsCurrent } from './acting-as.js';
import { APP_ROLE, WORKER_ROLE, sessionUrl, valueTypes } from './connection-options.js';

export interface DatabaseOptions {
  /** Address with the login role; each connection then switches to the application's role. */
  url: string;
  /** Maximum number of pooled connections, at least 2. */
  poolSize: number;
  /** Whether the server runs on this machine, and shares its processors. */
  isLocal?: boolean;
}

/** Connection of the pool; `release` returns it, and ends it if it is broken. */
export interface BorrowedConnection {
  readonly client: pg.PoolClient;
  release(broken?: Error | boolean): void;
}

/** Time after which the server cancels a pooled statement, ms, so that no request waits longer. */
const STATEMENT_TIMEOUT_MS = 30_000;
/** Longest wait for a free connection or for the server, ms; after a longer wait the database counts as unavailable. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Connections reserved for work that serves no caller: capturing, publishing and delivering. */
const OWN_CONNECTIONS = 2;
/**
 * Connections of the role of workers, for single statements of the process on users' rows, such as reading the log. A
 * transaction around each of them made the delivery of events take 2.5 times as long when the machine is full (bench latency --quick).
 */
const WORKER_CONNECTIONS = 4;
/** Connections that one caller may use on a small machine: its other requests go on beside a long one. */
const MIN_PER_CALLER = 2;
/** Rows of a long result that are fetched at once; parsing them holds the event loop for about a millisecond. */
const PAGE_ROWS = 500;

/**
 * Plain SQL on PostgreSQL. Requests see of users' rows only those of their user, work of the process those of all users. A
 * lost connection is replaced; the statement that was running on it fails.
 */
export class Database implements OnApplicationShutdown {
  readonly pool: MeasuredPool;
  readonly url: string;
  private readonly workers: MeasuredPool;
  private readonly logger = new Logger(Database.name);
  private readonly shares: Shares;
  /**
   * Set inside a transaction: further queries there run without a place of their own, because a transaction that waited for
   * a second place could wait for ever.
   */
  private readonly placeHeld = new AsyncLocalStorage<true>();

  constructor(options: DatabaseOptions) {
    this.url = options.url;
    this.shares = new Shares({
      places: Math.max(1, options.poolSize - OWN_CONNECTIONS),
      waitMs: CONNECT_TIMEOUT_MS,
      // More statements than processors finish no sooner, and those of others would wait for a processor too.
      ...(options.isLocal ? { perCaller: Math.max(MIN_PER_CALLER, Math.floor(availableParallelism() / 2)) } : {}),
    });
    this.pool = this.poolOf(APP_ROLE, options.poolSize);
    this.workers = this.poolOf(WORKER_ROLE, WORKER_CONNECTIONS);
  }

  query<T extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<T[]> {
    return this.inPlace(() => this.run<T>({ text, values: [...values] }));
  }

  /** Returns rows as arrays, which take a third of the parsing time of rows as objects. */
  arrays<T extends unknown[]>(text: string, values: readonly unknown[]): Promise<T[]> {
    return this.inPlace(() => this.run<T>({ text, values: [...values], rowMode: 'array' }));
  }

  /** Returns the first row; undefined if there are no rows. */
  async one<T extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<T | undefined> {
    const [row] = await this.query<T>(text, values);
    return row;
  }

  /**
   * Yields a long result in pages that all show the same snapshot of the database. Without pages the driver would parse all
   * rows at once, which held the event loop for 100 ms with 60,000 rows.
   */
  async *pages<T extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): AsyncGenerator<T[]> {
    const { client, release } = await this.borrow();
    let broken: Error | undefined;
    try {
      await client.query(beginAsCurrent('BEGIN READ ONLY'));
      // The planner then optimises for all rows of the cursor; its default optimises for the first tenth.
      await client.query('SET LOCAL cursor_tuple_fraction = 1');
      await client.query(`DECLARE result NO SCROLL CURSOR FOR ${text}`, [...values]);
      for (;;) {
        const { rows } = await client.query<T>(`FETCH ${PAGE_ROWS} FROM result`);
        if (rows.length > 0) yield rows;
        if (rows.length < PAGE_ROWS) return;
      }
    } finally {
      await client.query('ROLLBACK').catch((failure: Error) => (broken = failure));
      release(broken);
    }
  }

  /** Commits the changes of `work` when it resolves, rolls back when it rejects. */
  async transaction<T>(work: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
    const { client, release } = await this.borrow();
    let broken: Error | undefined;
    try {
      await client.query(beginAsCurrent());
      const result = await this.placeHeld.run(true, () => work(client));
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch((failure: Error) => (broken = failure));
      throw error;
    } finally {
      release(broken);
    }
  }

  /** Takes a connection of the pool in the caller's turn. */
  async borrow(): Promise<BorrowedConnection> {
    const leave = await this.place();
    try {
      const client = await this.pool.connect();
      const release = (broken?: Error | boolean): void => {
        client.release(broken);
        leave();
      };
      return { client, release };
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** Runs a statement on a connection of the pool; one that names users' rows in a transaction of its own. */
  private async run<T extends object>(statement: pg.QueryConfig & { rowMode?: 'array' }): Promise<T[]> {
    if (!namesOwnedRows(statement.text)) return (await this.pool.query<T>(statement)).rows;
    if (currentActor() === 'process' && this.hasWorker()) return (await this.workers.query<T>(statement)).rows;
    const client = await this.pool.connect();
    try {
      return (await runAsCurrent(client, () => client.query<T>(statement))).rows;
    } finally {
      client.release();
    }
  }

  private hasWorker(): boolean {
    const { idleCount, totalCount } = this.workers;
    return idleCount > 0 || totalCount < WORKER_CONNECTIONS;
  }

  private poolOf(role: string, max: number): MeasuredPool {
    const pool = new MeasuredPool({
      connectionString: sessionUrl(this.url, `-c role=${role} -c statement_timeout=${STATEMENT_TIMEOUT_MS}`),
      application_name: 'defi-realtime',
      max,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: 60_000,
      keepAlive: true,
      types: valueTypes,
      // Sends the commands around a statement together with it.
      pipeline: true,
    });
    // Without an `error` listener on each client, the loss of a connection would end the process.
    pool.on('connect', (client) => client.on('error', (error) => this.connectionLost(error)));
    pool.on('error', () => undefined);
    return pool;
  }

  private async inPlace<T>(work: () => Promise<T>): Promise<T> {
    const leave = await this.place();
    try {
      return await work();
    } finally {
      leave();
    }
  }

  /**
   * Opens a connection outside the pool and without statement timeout, for work of the process that holds a connection for
   * long. The caller closes the connection and listens to its `end` event. `options` are further start-up options, such as `-c
   * work_mem=64MB`.
   */
  async connect(options = ''): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: sessionUrl(this.url, `-c role=${WORKER_ROLE} ${options}`.trim()),
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
    for (const pool of [this.pool, this.workers]) if (!pool.ended) await pool.end();
  }

  /** Waits for the caller's turn to use a connection. Work of the process itself does not wait for callers. */
  private place(): Promise<() => void> {
    const caller = currentCaller();
    if (caller === undefined || this.placeHeld.getStore()) return Promise.resolve(() => undefined);
    return this.shares.enter(caller, () => new Error('timeout exceeded when trying to connect'));
  }

  /** Logs a lost connection, except during the shutdown, when the server may stop at the same moment. */
  private connectionLost(error: Error): void {
    if (this.pool.ending) return;
    this.logger.warn({ err: error }, 'database connection lost');
  }
}
