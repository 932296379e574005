import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { isConnectionLoss } from '../errors/database-errors.js';
import type { Settings } from '../settings/settings.js';
import { withoutPassword } from './connection-options.js';
import { startEmbeddedPostgres } from './embedded/embedded-postgres.js';
import { serverLogin } from './embedded/server-login.js';
import { migrateDatabase, refuseMissingRoles, unmigrated } from './migrate-database.js';
import { ProcessLock } from './process-lock.js';

/** Longest wait for a database that is still starting, ms. */
const START_TIMEOUT_MS = 30_000;

/** Database of the process; it is reachable, and all migrations have run. */
interface OpenedDatabase {
  readonly url: string;
  /** Address for display, without the password. */
  readonly description: string;
  close(): Promise<void>;
}

/**
 * Starts the embedded database or connects to the configured one, refuses a database that a process without Redis shares
 * with another process, and runs or checks the migrations.
 */
export async function openDatabase(settings: Settings, onFailure: (error: Error) => void): Promise<OpenedDatabase> {
  const server = await reach(settings, onFailure);
  try {
    const company = settings.redisUrl === undefined ? 'alone' : 'shared';
    const lock = await whenReachable(() => ProcessLock.take(server.url, company));
    await prepareSchema(server.url, settings.migrate);
    const url = settings.embedded ? await serverLogin(server.url) : server.url;
    await refuseMissingRoles(url);
    return { ...server, url, close: () => lock.release().finally(() => server.close()) };
  } catch (error) {
    await server.close();
    throw error;
  }
}

async function reach(settings: Settings, onFailure: (error: Error) => void): Promise<OpenedDatabase> {
  if (settings.databaseUrl !== undefined) {
    const url = settings.databaseUrl;
    return { url, description: withoutPassword(url), close: async () => undefined };
  }
  const embedded = await startEmbeddedPostgres(settings.dataDir, onFailure);
  const home = resolve(settings.dataDir);
  const description = `embedded PostgreSQL in ${home}; its address is in ${join(home, 'database.url')}`;
  return { url: embedded.url, description, close: () => embedded.stop() };
}

async function prepareSchema(url: string, migrate: boolean): Promise<void> {
  if (migrate) {
    const ran = await migrateDatabase(url);
    if (ran.length > 0) new Logger('Database').log({ migrations: ran }, 'migrations applied');
    return;
  }
  const pending = await unmigrated(url);
  if (pending.length > 0) {
    throw new Error(
      `The database lacks ${pending.length} migrations of this version: run \`defi-realtime migrate\`, or set MIGRATE_ON_START=true.`,
    );
  }
}

/** Repeats `work` while the database is unavailable, for `START_TIMEOUT_MS` at most. */
async function whenReachable<T>(work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isConnectionLoss(error) || Date.now() > deadline) throw error;
      if (attempt === 1)
        new Logger('Database').warn(
          { waitingSeconds: START_TIMEOUT_MS / 1_000 },
          'database unavailable; retrying every 0.5 s',
        );
      await sleep(500);
    }
  }
}
