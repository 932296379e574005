import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { inject } from 'vitest';
import { AppModule } from '../../../src/app.module.js';
import { serverOptions, setUp } from '../../../src/app.setup.js';
import { parseSettings, type Environment } from '../../../src/platform/settings/settings.js';
import { createTestDatabase, type TestDatabase } from './test-database.js';

/** Admin key with which every test application starts. */
const ADMIN_KEY = 'rta_testadmin_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';

interface TestKeyOptions {
  role?: 'reader' | 'writer' | 'admin';
  tier?: 'free' | 'pro' | 'enterprise';
  userId?: string;
  /** Further fields of POST /v1/admin/api-keys. */
  [field: string]: unknown;
}

export interface TestApp {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  readonly nest: NestExpressApplication;
  readonly db: TestDatabase;
  readonly adminKey: string;
  /** Creates a key over the API; default: reader of tier enterprise and user `tester`. */
  key(options?: TestKeyOptions): Promise<string>;
  /** Stops the application and drops its database, unless the test provided the database. */
  close(): Promise<void>;
}

export interface TestAppOptions {
  /** Environment variables that override those of all tests. */
  settings?: Environment;
  /** Database to use, which is then not dropped. */
  db?: TestDatabase;
}

/** Starts the whole application on a free port, with a separate database. */
export async function createTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const db = options.db ?? (await createTestDatabase());
  const redisUrl = options.settings?.['REDIS_URL'] === undefined ? inject('redisUrl') : undefined;
  const settings = parseSettings({
    ...(redisUrl !== undefined && { REDIS_URL: redisUrl, KEY_PREFIX: `${randomUUID()}:` }),
    PORT: '0',
    HOST: '127.0.0.1',
    SOURCE: 'none',
    LOG_LEVEL: 'silent',
    DRAIN_SECONDS: '0',
    BOOTSTRAP_ADMIN_KEY: ADMIN_KEY,
    SECRETS_KEY: 'a key that only tests use',
    ...options.settings,
    DATABASE_URL: db.url,
  });
  const nest = await NestFactory.create<NestExpressApplication>(
    AppModule.with(settings, db.url),
    serverOptions(settings),
  );
  try {
    await setUp(nest).listen(settings.port, settings.host);
  } catch (error) {
    await nest.close();
    throw error;
  }
  const { port } = nest.getHttpServer().address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    port,
    nest,
    db,
    adminKey: settings.bootstrapAdminKey ?? ADMIN_KEY,
    key: (fields = {}) => createKey(url, settings.bootstrapAdminKey ?? ADMIN_KEY, fields),
    close: async () => {
      await nest.close();
      if (!options.db) await db.drop();
    },
  };
}

async function createKey(url: string, adminKey: string, fields: TestKeyOptions): Promise<string> {
  const answer = await fetch(`${url}/v1/admin/api-keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ userId: 'tester', role: 'reader', tier: 'enterprise', ...fields }),
  });
  if (!answer.ok) throw new Error(`no key: ${answer.status} ${await answer.text()}`);
  const { key } = (await answer.json()) as { key: string };
  return key;
}
