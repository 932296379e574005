import { migrateAsSet } from './platform/database/migrate-as-set.js';
import { loadSettings } from './platform/settings/load-settings.js';

try {
  const ran = await migrateAsSet(loadSettings());
  process.stdout.write(ran.length === 0 ? 'The schema is up to date.\n' : `Applied ${ran.join(', ')}.\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
