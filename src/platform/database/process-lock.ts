import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import { sessionUrl } from './connection-options.js';

/** Number of the advisory lock; arbitrary, but the same in every process. */
const LOCK = 7_253_002;
/** Longest wait for the lock, ms: the server may hold the lock of a process that ended a moment ago. */
const LOCK_TIMEOUT_MS = 5_000;
const RETRY_INTERVAL_MS = 250;
/** Longest wait for a connection, ms: an unresponsive server must not delay a stop. */
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Mode of the lock. `alone`: no other process uses the database. `shared`: other processes may use it; all of them are
 * connected through Redis.
 */
type Company = 'alone' | 'shared';

const REFUSALS: Record<Company, string> = {
  alone: 'Another process already works on this database; several processes need Redis to share it (REDIS_URL).',
  shared:
    'A process without Redis already works on this database; stop that process, or start it with the same REDIS_URL.',
};

/**
 * Refuses a second process on a database that is not shared through Redis. The lock belongs to a connection, so a killed
 * process does not hold it; when the connection is lost, the lock is acquired again on a new one.
 */
export class ProcessLock {
  private readonly logger = new Logger('Database');
  private released = false;
  private retaking: Promise<void> | undefined;

  private constructor(
    private readonly url: string,
    private readonly company: Company,
    private client: pg.Client,
  ) {
    this.retakeOnEnd(client);
  }

  /** Acquires the lock. Throws an error for the operator if another process still holds it after `LOCK_TIMEOUT_MS`. */
  static async take(url: string, company: Company = 'alone'): Promise<ProcessLock> {
    const deadline = Date.now() + LOCK_TIMEOUT_MS;
    for (;;) {
      const client = await tryLock(url, company);
      if (client) return new ProcessLock(url, company, client);
      if (Date.now() > deadline) throw new Error(REFUSALS[company]);
      await sleep(RETRY_INTERVAL_MS);
    }
  }

  async release(): Promise<void> {
    this.released = true;
    await this.retaking;
    await this.client.end();
  }

  private retakeOnEnd(client: pg.Client): void {
    client.once('end', () => {
      if (!this.released) this.retaking = this.retake();
    });
  }

  private async retake(): Promise<void> {
    this.logger.warn('connection that holds the database lock lost; acquiring the lock again');
    while (!this.released) {
      const client = await tryLock(this.url, this.company).catch(() => undefined);
      if (client) {
        this.client = client;
        this.retakeOnEnd(client);
        this.logger.log('database lock acquired again');
        return;
      }
      await sleep(RETRY_INTERVAL_MS * 4);
    }
  }
}

/** Returns a connection that holds the lock; undefined if another process holds it. */
async function tryLock(url: string, company: Company): Promise<pg.Client | undefined> {
  const client = new pg.Client({
    connectionString: sessionUrl(url),
    application_name: 'defi-realtime-lock',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  });
  client.on('error', () => undefined);
  await client.connect();
  const take = company === 'alone' ? 'pg_try_advisory_lock' : 'pg_try_advisory_lock_shared';
  const { rows } = await client.query<{ taken: boolean }>(`SELECT ${take}($1) AS taken`, [LOCK]);
  if (rows[0]?.taken) return client;
  await client.end();
  return undefined;
}
