import { randomBytes } from 'node:crypto';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { serverPort } from '../../support/servers/server-port.js';
import { AppProcess } from '../../support/servers/app-process.js';

export interface BenchAppOptions {
  /** Settings in addition to those of the bench: no source, no limits, log level warn. */
  readonly env?: Record<string, string>;
  /** Data folder, kept afterwards; without it a temporary one is used and removed. */
  readonly dataDir?: string;
}

export interface BenchApp {
  readonly url: string;
  readonly port: number;
  /** Key with role admin and tier enterprise. */
  readonly adminKey: string;
  readonly databaseUrl: string;
  readonly databaseVersion: string;
  readonly dataDir: string;
  readonly pid: number;
  /** Main process of the embedded PostgreSQL; its backends are child processes. */
  readonly databasePid: number;
  stop(): Promise<void>;
}

export async function startBenchApp(options: BenchAppOptions): Promise<BenchApp> {
  if (!existsSync(join(import.meta.dirname, '../../../dist/src/main.js')))
    throw new Error('Build first: npm run build');
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'defi-realtime-bench-'));
  const port = await serverPort();
  const adminKey = `rta_${randomBytes(8).toString('hex')}_${randomBytes(24).toString('hex')}`;
  const unlimited = 'free=0,pro=0,enterprise=0';
  const app = new AppProcess(
    port,
    {
      DATA_DIR: dataDir,
      BOOTSTRAP_ADMIN_KEY: adminKey,
      SECRETS_KEY: 'a key that only benches use',
      LIMIT_CONNECTIONS: unlimited,
      LIMIT_MESSAGES: unlimited,
      LIMIT_API_REQUESTS: unlimited,
      LIMIT_SUBSCRIPTION_CHANGES: unlimited,
      LIMIT_CONNECTS_PER_ADDRESS: unlimited,
      ...options.env,
    },
    { ownSession: true },
  );
  const stop = async (): Promise<void> => {
    await app.end('SIGTERM');
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    await app.start();
    const databaseUrl = options.env?.['DATABASE_URL'] ?? readFileSync(join(dataDir, 'database.url'), 'utf8').trim();
    return {
      url: app.url,
      port,
      adminKey,
      databaseUrl,
      databaseVersion: await serverVersion(databaseUrl),
      dataDir,
      pid: app.pid,
      databasePid: embeddedPid(dataDir),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Creates a key. */
export async function createKey(app: BenchApp, userId: string, role: string, tier: string): Promise<string> {
  const answer = await fetch(`${app.url}/v1/admin/api-keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${app.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ userId, role, tier }),
  });
  return ((await answer.json()) as { key: string }).key;
}

async function serverVersion(url: string): Promise<string> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ version: string }>(`SELECT current_setting('server_version') AS version`);
    return rows[0]?.version ?? 'unknown';
  } finally {
    await client.end();
  }
}

function embeddedPid(dataDir: string): number {
  const [file] = globSync(join(dataDir, '**/postmaster.pid'));
  return file ? Number(readFileSync(file, 'utf8').split('\n')[0]) : 0;
}
