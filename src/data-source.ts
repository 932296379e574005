import { migrationSource } from './platform/database/migrate-database.js';
import { loadSettings } from './platform/settings/load-settings.js';

const { databaseUrl } = loadSettings();
if (databaseUrl === undefined)
  throw new Error('DATABASE_URL must be set; while the service runs, its embedded one is in DATA_DIR/database.url.');

/** Data source of the TypeORM command line: `typeorm -d dist/src/data-source.js migration:show`. */
export default migrationSource(databaseUrl);
