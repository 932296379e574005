import { runBackupCommand } from '../operations/backup/backup-command.js';
import { Database } from '../platform/database/database.js';
import { runningDatabaseUrl } from '../platform/database/running-database.js';
import { loadSettings } from '../platform/settings/load-settings.js';

/** Makes, checks and restores backups of the database. */
export async function run(args: readonly string[]): Promise<void> {
  const stop = new AbortController();
  const isArchive = args[0] === 'wal';
  if (isArchive) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  process.exitCode = await runBackupCommand(args, {
    settings: () => loadSettings(),
    databaseUrl: () => runningDatabaseUrl(loadSettings()),
    open: (url) => new Database({ url, poolSize: 2 }),
    now: Date.now,
    stop: stop.signal,
    out: (text) => process.stdout.write(`${text}\n`),
    err: (text) => process.stderr.write(`${text}\n`),
  });
}
