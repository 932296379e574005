// The backup command in a process of its own, for tests that kill it: `backup-process.ts <address> <action> …`.
import { runBackupCommand } from '../../../src/operations/backup/backup-command.js';
import { Database } from '../../../src/platform/database/database.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';

const [url = '', ...args] = process.argv.slice(2);
process.exitCode = await runBackupCommand(args, {
  settings: () => parseSettings({ ...process.env, DATABASE_URL: url }),
  databaseUrl: () => Promise.resolve(url),
  open: (address) => new Database({ url: address, poolSize: 2 }),
  now: Date.now,
  stop: new AbortController().signal,
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
});
