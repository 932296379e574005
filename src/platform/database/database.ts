import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import pg from 'pg';
import { APP_ROLE, sessionUrl, valueTypes } from './connection-options.js';

export interface DatabaseOptions {
  /** Address with the login role; every connection then becomes the role of the application. */
  url: string;
  /** Most pooled connections. */
  poolSize: number;
}

/** A pooled statement that runs longer is cancelled by the server: no request waits that long for its answer. */
const STATEMENT_TIMEOUT_MS = 30_000;
/** Waiting for a free connection or for the server to answer; longer waits mean that the database is away. */
const CONNECT_TIMEOUT_MS = 5_000;

/** Plain SQL on PostgreSQL, as the application's role. Lost connections are replaced; the statement in flight fails. */
export class Database implements OnApplicationShutdown {
  readonly pool: pg.Pool;
  readonly url: string;
  private readonly logger = new Logger(Database.name);

  constructor(options: DatabaseOptions) {
    this.url = options.url;
    this.pool = new pg.Pool({
      connectionString: sessionUrl(options.url, `-c role=${APP_ROLE} -c statement_timeout=${STATEMENT_TIMEOUT_MS}`),
      application_name: 'defi-realtime',
      max: options.poolSize,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: 60_000,
      keepAlive: true,
      types: valueTypes,
    });
    // A lost connection, idle or in use, is an event without listener otherwise, and would end the process.
    this.pool.on('connect', (client) => client.on('error', (error) => this.connectionLost(error)));
    this.pool.on('error', () => undefined);
  }

  async query<T extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<T[]> {
    const result = await this.pool.query<T>(text, values === undefined ? undefined : [...values]);
    return result.rows;
  }

  /** The first row, or undefined without one. */
  async one<T extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<T | undefined> {
    const [row] = await this.query<T>(text, values);
    return row;
  }

  /** Commits what `work` did when it resolves, rolls back when it rejects. */
  async transaction<T>(work: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
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
   * A connection of its own, outside the pool and without statement timeout, for work that holds one for long. The caller
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

  /** Connections that we end ourselves may hear from a server that stops at the same moment: no loss. */
  private connectionLost(error: Error): void {
    if (this.pool.ending) return;
    this.logger.warn({ reason: error.message }, 'database connection lost');
  }
}
