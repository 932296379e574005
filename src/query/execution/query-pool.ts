import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { availableParallelism } from 'node:os';
import pg from 'pg';
import { valueTypes, withOptions } from '../../platform/database/connection-options.js';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { Settings } from '../../platform/settings/settings.js';
import { queryFault } from '../core/faults.js';
import { QUERY_LIMITS } from '../core/limits.js';

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

export interface PoolQuery {
  readonly text: string;
  readonly values: readonly unknown[];
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
  readonly size: number;
  private readonly logger = new Logger(QueryPool.name);
  private readonly pool: pg.Pool;

  constructor(database: Database, settings: Settings) {
    this.size = settings.queryPool ?? Math.max(2, availableParallelism());
    this.pool = new pg.Pool({
      connectionString: withOptions(database.url, OPTIONS),
      application_name: 'defi-realtime-query',
      max: this.size,
      connectionTimeoutMillis: 5_000,
      idleTimeoutMillis: 60_000,
      keepAlive: true,
      types: valueTypes,
    });
    this.pool.on('connect', (client) =>
      client.on('error', (error) => this.logger.debug({ reason: error.message }, 'query connection lost')),
    );
    this.pool.on('error', () => undefined);
  }

  /** Rows as arrays. Ends the statement when the signal is aborted or the time is up. */
  async run(statement: PoolQuery, { timeoutMs, owner, signal }: RunOptions): Promise<unknown[][]> {
    signal.throwIfAborted();
    const client = await this.pool.connect();
    let broken = false;
    const leave = (): void => {
      broken = true;
      client.release(new Error('the client left'));
    };
    signal.addEventListener('abort', leave, { once: true });
    try {
      const limit = String(Math.max(1, Math.floor(timeoutMs)));
      await client.query(`SELECT set_config('statement_timeout', $1, false), set_config('rta.owner', $2, false)`, [
        limit,
        owner,
      ]);
      const { rows } = await client.query<unknown[]>({
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
      if (!broken) client.release();
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }
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

/** The error of who is not there any more to read it. */
export function clientLeft(): DomainError {
  return new DomainError('unavailable', 'The client left before the answer.');
}
