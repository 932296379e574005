import { runSlaCommand } from '../operations/index.js';
import { Database } from '../platform/database/database.js';
import { runningDatabaseUrl } from '../platform/database/running-database.js';
import { loadSettings } from '../platform/settings/load-settings.js';

/** Reports good and bad minutes of the service. */
export async function run(args: readonly string[]): Promise<void> {
  process.exitCode = await runSlaCommand(args, {
    open: async () => new Database({ url: await runningDatabaseUrl(loadSettings()), poolSize: 1 }),
    now: Date.now(),
    out: (text) => process.stdout.write(`${text}\n`),
    err: (text) => process.stderr.write(`${text}\n`),
  });
}
