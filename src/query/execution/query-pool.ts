import { hash } from 'node:crypto';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { availableParallelism } from 'node:os';
import pg from 'pg';
import { sessionUrl, valueTypes } from '../../platform/database/connection-options.js';
import { Database } from '../../platform/database/database.js';
import { Settings } from '../../platform/settings/settings.js';
import { queryFault } from '../core/faults.js';
import { QUERY_LIMITS } from '../core/limits.js';
import { giveWay } from './backend-priority.js';

/** What the role may: read what everyone may, and the rows of the user whom the connection names. */
const ROLE = 'rta_query';
/**
 * Read only. One core per query: what arrives beside it must not wait. A connection that ends (its client left) ends its
 * statement within a quarter of a second.
 */
const OPTIONS = [
  `-c role=${ROLE}`,
  '-c default_transaction_read_only=on',
  '-c jit=off',
  '-c max_parallel_workers_per_gather=0',
  '-c work_mem=64MB',
  '-c client_connection_check_interval=250ms',
].join(' ');

/** Live queries that run at once: more would only queue in the database. */
export const LIVE_AT_ONCE = 3;
/** For who runs nothing while others run for long. */
export const SPARE_CONNECTIONS = 2;
/** So little time that telling a connection its next limit could take longer: with one below it is replaced. */
const BRIEF_MS = 1_000;
/** A connection keeps what it has prepared as long as it lives; with more statements than these it is replaced. */
const MOST_PREPARED = 100;

export interface PoolQuery {
  readonly text: string;
  readonly values: readonly unknown[];
  /**
   * Worth a plan for all values: of the same text there will be more, and none of them reads much. Planning one page takes
   * four times as long as reading it.
   */
  readonly prepared?: boolean;
}

/** What a connection was told and keeps. */
interface Session {
  limit: string;
  owner: string;
  readonly prepared: Set<string>;
}

export interface RunOptions {
  /** What is left of the query's time. */
  readonly timeoutMs: number;
  /** The user whose own rows may be seen. */
  readonly owner: string;
  readonly signal: AbortSignal;
}

/** Connections of the query API alone: whatever runs on them, writers and the log have their own. */
@Injectable()
export class QueryPool implements OnApplicationShutdown {
  /** Queries that are let in at once. */
  readonly size: number;
  /**
   * The same while changes arrive. Of the cores that queries share with this process and a database of its own, one is left
   * to what arrives: on two cores, commit → client took p95 15 ms beside two queries at a time, 11 beside one, 6 alone, and
   * as many queries were answered.
   */
  readonly besideArrivals: number;
  /** Live queries limit themselves and come on top: none of them waits behind a long query. */
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
      client.on('error', (error) => this.logger.debug({ reason: error.message }, 'query connection lost'));
      // pg knows it, its types do not.
      if (embedded && 'processID' in client && typeof client.processID === 'number') void giveWay(client.processID);
    });
    this.pool.on('error', () => undefined);
  }

  /** Rows as arrays. Ends the statement when the signal is aborted or the time is up. */
  async run(statement: PoolQuery, { timeoutMs, owner, signal }: RunOptions): Promise<unknown[][]> {
    const client = await this.connection(signal);
    let broken = false;
    const leave = (): void => {
      broken = true;
      client.release(new Error('the client left'));
    };
    signal.addEventListener('abort', leave, { once: true });
    const session = this.sessionOf(client);
    try {
      await introduce(client, session, timeoutMs, owner);
      const { rows } = await client.query<unknown[]>({
        ...(statement.prepared && { name: nameOf(statement.text, session) }),
        text: statement.text,
        values: [...statement.values],
        rowMode: 'array',
      });
      return rows;
    } catch (error) {
      signal.throwIfAborted();
      throw explained(error);
    } finally {
      signal.removeEventListener('abort', leave);
      if (!broken) client.release(session.prepared.size > MOST_PREPARED || Number(session.limit) < BRIEF_MS);
    }
  }

  /** The next free connection, unless the client leaves before: then it is the next one's. */
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
 * Tells the connection the limit of the next statement and whose rows it may see, unless it knows. The limit is in whole
 * seconds where it is long, so that it rarely changes.
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

function nameOf(text: string, session: Session): string {
  const name = hash('sha1', text, 'base64url');
  session.prepared.add(name);
  return name;
}

const CANCELLED = '57014';
const OUT_OF_RANGE = /^2200[3P]|^22P/;

/** What the database refuses in a good statement is a matter of the query's size. */
function explained(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === CANCELLED) {
    const detail = `The query took longer than ${QUERY_LIMITS.seconds} s; use a shorter range, a longer time.bucket, or fewer protocols.`;
    return queryFault('limit_exceeded', '', 'too_slow', detail);
  }
  if (OUT_OF_RANGE.test(code)) {
    return queryFault(
      'limit_exceeded',
      '/aggregations',
      'out_of_range',
      'A result is larger than a number can be; narrow the query.',
    );
  }
  return error;
}
