import { migrateAsSet } from '../platform/database/migrate-as-set.js';
import { runCommand } from '../platform/process/command-line.js';
import { loadSettings } from '../platform/settings/load-settings.js';

const HELP = `Brings the schema of the database up to date: tables, triggers, and the roles rta_app, rta_writer and rta_reader.

  DATABASE_URL=postgres://… defi-realtime migrate      (in a clone: npm run migrate)

What is up to date stays as it is. Without DATABASE_URL it works on the embedded database, which brings itself up to
date at every start. All settings: defi-realtime start --help
`;

async function migrate(): Promise<void> {
  try {
    const ran = await migrateAsSet(loadSettings());
    process.stdout.write(ran.length === 0 ? 'The schema is up to date.\n' : `Applied ${ran.join(', ')}.\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

/** Brings the schema of the database up to date. */
export async function run(args: readonly string[]): Promise<void> {
  await runCommand(args, () => HELP, migrate);
}
