import type { Settings } from '../settings/settings.js';
import { startEmbeddedPostgres } from './embedded/embedded-postgres.js';
import { migrateDatabase } from './migrate-database.js';

/** Migrates the database that the settings name. An embedded database is started for it and stopped afterwards. */
export async function migrateAsSet(settings: Settings): Promise<string[]> {
  if (settings.databaseUrl !== undefined) return await migrateDatabase(settings.databaseUrl);
  const embedded = await startEmbeddedPostgres(settings.dataDir);
  try {
    return await migrateDatabase(embedded.url);
  } finally {
    await embedded.stop();
  }
}
