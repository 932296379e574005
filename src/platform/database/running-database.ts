import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../settings/settings.js';

/** Explanation for commands that need the embedded database of a running server. */
export const NOT_RUNNING =
  'The embedded database is not running: start the server with `defi-realtime start` and run this in another terminal, or set DATABASE_URL.';

/** Returns the address of the database that the settings name, or of the embedded one of a running server. */
export async function runningDatabaseUrl({ databaseUrl, dataDir }: Settings): Promise<string> {
  if (databaseUrl !== undefined) return databaseUrl;
  try {
    return (await readFile(join(dataDir, 'database.url'), 'utf8')).trim();
  } catch (cause) {
    throw new Error(NOT_RUNNING, { cause });
  }
}
