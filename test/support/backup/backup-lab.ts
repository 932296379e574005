import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { runBackupCommand } from '../../../src/operations/backup/backup-command.js';
import { Database } from '../../../src/platform/database/database.js';
import { embeddedBinaries } from '../../../src/platform/database/embedded/postgres-binaries.js';
import { PostgresServer } from '../../../src/platform/database/embedded/postgres-server.js';
import { chooseAccount, handOver } from '../../../src/platform/database/embedded/server-account.js';
import { parseSettings, type Environment } from '../../../src/platform/settings/settings.js';
import { serverPort } from '../servers/server-port.js';

export const BACKUP_KEY = 'a key of the tests with more than 32 characters';

/** Result of a call of `defi-realtime backup`. */
export interface BackupCall {
  readonly code: number;
  readonly out: readonly string[];
  readonly err: readonly string[];
}

/** Directory for a test, and the backup command on a database. */
export class BackupLab {
  readonly home = mkdtempSync(join(tmpdir(), 'backup-'));
  private readonly endings: (() => Promise<void>)[] = [];

  constructor(
    private readonly url: string,
    private readonly env: Environment = {},
  ) {}

  path(name: string): string {
    return join(this.home, name);
  }

  /** Runs the command to its end. */
  async run(args: readonly string[], env: Environment = {}, now?: number): Promise<BackupCall> {
    return await this.start(args, env, now).ended;
  }

  /** Starts the command; `stop` is the signal that ends `wal`. */
  start(
    args: readonly string[],
    env: Environment = {},
    now?: number,
  ): { ended: Promise<BackupCall>; out: string[]; err: string[]; stop(): void } {
    const out: string[] = [];
    const err: string[] = [];
    const stop = new AbortController();
    const settings = { DATABASE_URL: this.url, BACKUP_KEY, ...this.env, ...env };
    const ended = runBackupCommand(args, {
      settings: () => parseSettings(settings),
      databaseUrl: () => Promise.resolve(this.url),
      open: (url) => new Database({ url, poolSize: 2 }),
      now: () => now ?? Date.now(),
      stop: stop.signal,
      partialIntervalMs: 300,
      storePatienceMs: 3_000,
      out: (text) => out.push(text),
      err: (text) => err.push(text),
    }).then((code) => ({ code, out, err }));
    return { ended, out, err, stop: () => stop.abort() };
  }

  /** Starts a server on a restored data directory, which ends with the lab, and returns its address. */
  async serve(directory: string, database = 'postgres'): Promise<string> {
    const binaries = await embeddedBinaries();
    const account = chooseAccount(binaries.postgres, this.home);
    handOver(account, directory);
    const port = await serverPort();
    const server = await PostgresServer.start(
      { binaries, account, directory },
      {
        port,
        socketDirectory: '',
        logFile: this.path('restored.log'),
        // Without it, the server would accept readers before the end of the log.
        parameters: { fsync: 'off', hot_standby: 'off' },
      },
    );
    this.endings.push(() => server.stop());
    return `postgresql://postgres:test@127.0.0.1:${port}/${database}`;
  }

  async end(): Promise<void> {
    for (const end of this.endings) await end();
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** Runs one statement on a connection of its own and returns the rows. */
export async function sql<T extends pg.QueryResultRow>(url: string, text: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(text)).rows;
  } finally {
    await client.end();
  }
}
