import { hash } from 'node:crypto';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { availableParallelism } from 'node:os';
import pg from 'pg';
import { sessionUrl, valueTypes } from '../../platform/database/connection-options.js';
import { Database } from '../../platform/database/database.js';
import { errorCode } from '../../platform/errors/error-code.js';
import { Settings } from '../../platform/settings/settings.js';
import { inputFault } from '../../platform/input/faults.js';
import { QUERY_LIMITS } from '../core/limits.js';
import { giveWay } from './backend-priority.js';

/** Role that may read rows without an owner, and those of the user set on the connection. */
const ROLE = 'rta_query';
/**
 * Options of connections: read only, and one core per query, so that arriving changes are not delayed. If the process closes
 * a connection because its client disconnected, PostgreSQL cancels the statement within a quarter of a second.
 */
const OPTIONS = [
  `-c role=${ROLE}`,
  '-c default_transaction_read_only=on',
  '-c jit=off',
  '-c max_parallel_workers_per_gather=0',
  '-c work_mem=64MB',
  '-c client_connection_check_interval=250ms',
].join(' ');

/** Number of live queries that run at the same time; more would only wait in the database. */
export const LIVE_AT_ONCE = 3;
/** Connections reserved for keys without a running query while other keys run long queries. */
export const SPARE_CONNECTIONS = 2;
/**
 * Time limit below which a connection is replaced after its query, ms: changing the limit for the next query could take
 * longer than this limit.
 */
const BRIEF_LIMIT_MS = 1_000;
/**
 * Maximum number of prepared statements per connection. A connection keeps them until it ends, so above this number it is
 * replaced.
 */
const MAX_PREPARED = 100;

export interface PoolQuery {
  readonly text: string;
  readonly values: readonly unknown[];
  /**
   * Whether the statement is prepared, with one plan for all values. For statements that recur and read little: planning a
   * page takes four times as long as reading it.
   */
  readonly prepared?: boolean;
}

/** Current settings and prepared statements of a connection. */
interface Session {
  limit: string;
  owner: string;
  readonly prepared: Set<string>;
}

export interface RunOptions {
  /** Remaining time of the query, ms. */
  readonly timeoutMs: number;
  /** User whose own rows the query may read. */
  readonly owner: string;
  readonly signal: AbortSignal;
}

/** Connections used by queries only; writers and the log use others. */
@Injectable()
export class QueryPool implements OnApplicationShutdown {
  /** Number of queries that may run at the same time. */
  readonly size: number;
  /**
   * Number of queries that may run at the same time while changes arrive. One of the cores that queries share with this
   * process and an embedded database is left free for changes. On two cores, the p95 from commit to client was 15 ms with
   * two parallel queries, 11 ms with one and 6 ms without queries; the number of answered queries was the same.
   */
  readonly besideArrivals: number;
  /** Number of connections. Those for live queries are additional, so that a live query never waits for a long query. */
  readonly connections: number;
  private readonly logger = new Logger(QueryPool.name);
  private readonly pool: pg.Pool;
  private readonly sessions = new WeakMap<pg.PoolClient, Session>();

  constructor(database: Database, settings: Settings) {
    this.size = settings.queryPool ?? Math.max(2, availableParallelism());
    const embedded = settings.databaseUrl === undefined;
    this.besideArrivals = embedded ? Math.min(this.size, Math.max(1, availableParallelism() - 1)) : this.size;
    this.connections = this.size + LIVE_AT_ONCE + SPARE_CONNECTIONS;
    this.pool = new pg.Pool({
      connectionString: sessionUrl(database.url, OPTIONS),
      application_name: 'defi-realtime-query',
      max: this.connections,
      connectionTimeoutMillis: 5_000,
      idleTimeoutMillis: 60_000,
      keepAlive: true,
      types: valueTypes,
    });
    this.pool.on('connect', (client) => {
      client.on('error', (error) => this.logger.debug({ err: error }, 'query connection lost'));
      // `processID` is missing in the types of pg's client.
      if (embedded && 'processID' in client && typeof client.processID === 'number') void giveWay(client.processID);
    });
    this.pool.on('error', () => undefined);
  }

  /**
   * Runs a statement and returns its rows as arrays. Cancels the statement if the signal is aborted or the time limit is
   * reached.
   */
  run(statement: PoolQuery, options: RunOptions): Promise<unknown[][]> {
    return this.use(options, (client, session) => rowsOf(client, session, statement));
  }

  /** Runs two statements that see the same state of the database. */
  runBoth(first: PoolQuery, second: PoolQuery, options: RunOptions): Promise<[unknown[][], unknown[][]]> {
    return this.use(options, async (client, session) => {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      try {
        return [await rowsOf(client, session, first), await rowsOf(client, session, second)];
      } finally {
        await client.query('ROLLBACK');
      }
    });
  }

  private async use<T>(
    { timeoutMs, owner, signal }: RunOptions,
    work: (client: pg.PoolClient, session: Session) => Promise<T>,
  ): Promise<T> {
    const client = await this.connection(signal);
    let broken = false;
    const leave = (): void => {
      broken = true;
      client.release(new Error('the client disconnected'));
    };
    signal.addEventListener('abort', leave, { once: true });
    const session = this.sessionOf(client);
    try {
      await introduce(client, session, timeoutMs, owner);
      return await work(client, session);
    } catch (error) {
      signal.throwIfAborted();
      throw explained(error);
    } finally {
      signal.removeEventListener('abort', leave);
      if (!broken) client.release(session.prepared.size > MAX_PREPARED || Number(session.limit) < BRIEF_LIMIT_MS);
    }
  }

  /**
   * Returns the next free connection. If the client disconnects while it waits, the connection is released for the next
   * query.
   */
  private async connection(signal: AbortSignal): Promise<pg.PoolClient> {
    signal.throwIfAborted();
    const connecting = this.pool.connect();
    const left = Promise.withResolvers<never>();
    const leave = (): void => left.reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([connecting, left.promise]);
    } catch (error) {
      void connecting.then(
        (client) => client.release(),
        () => undefined,
      );
      throw error;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  private sessionOf(client: pg.PoolClient): Session {
    const session = this.sessions.get(client) ?? { limit: '', owner: '', prepared: new Set() };
    this.sessions.set(client, session);
    return session;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }
}

/**
 * Sets the time limit and the owner for the next statement, if they differ from those of the connection. Limits above 2 s
 * are rounded to whole seconds, so that they rarely change.
 */
async function introduce(client: pg.PoolClient, session: Session, timeoutMs: number, owner: string): Promise<void> {
  const ms = timeoutMs > 2_000 ? Math.floor(timeoutMs / 1_000) * 1_000 : Math.max(1, Math.floor(timeoutMs));
  const limit = String(ms);
  if (session.limit === limit && session.owner === owner) return;
  await client.query(`SELECT set_config('statement_timeout', $1, false), set_config('rta.owner', $2, false)`, [
    limit,
    owner,
  ]);
  session.limit = limit;
  session.owner = owner;
}

async function rowsOf(client: pg.PoolClient, session: Session, statement: PoolQuery): Promise<unknown[][]> {
  const { rows } = await client.query<unknown[]>({
    ...(statement.prepared && { name: nameOf(statement.text, session) }),
    text: statement.text,
    values: [...statement.values],
    rowMode: 'array',
  });
  return rows;
}

function nameOf(text: string, session: Session): string {
  const name = hash('sha1', text, 'base64url');
  session.prepared.add(name);
  return name;
}

const CANCELLED = '57014';
const OUT_OF_RANGE = /^2200[3P]|^22P/;

/**
 * Returns the error for the client: a valid statement that was cancelled or overflowed means that the query is too large.
 */
function explained(error: unknown): unknown {
  const code = errorCode(error);
  if (code === CANCELLED) {
    const detail = `The query took longer than ${QUERY_LIMITS.seconds} s; use a shorter range, a longer time.bucket, or fewer protocols.`;
    return inputFault('limit_exceeded', '', 'too_slow', detail);
  }
  if (OUT_OF_RANGE.test(code)) {
    return inputFault(
      'limit_exceeded',
      '/aggregations',
      'out_of_range',
      'A result exceeds the range of numbers; restrict the query.',
    );
  }
  return error;
}
