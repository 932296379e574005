import pg from 'pg';
import { DataSource } from 'typeorm';
import { migrations } from '../../../migrations/index.js';
import { APP_ROLE, sessionUrl, WORKER_ROLE } from './connection-options.js';

/** Table with the names of the applied migrations. */
const MIGRATIONS_TABLE = 'schema_migrations';
/** Oldest supported PostgreSQL, in the format of `server_version_num`. */
const OLDEST_SERVER = 150_000;
/** Number of the advisory lock that a migrating process holds; arbitrary, but the same in every process. */
const MIGRATION_LOCK = 7_253_001;

/**
 * Returns the data source for migrations. It has no entities and works as the login role of the address, not as the
 * application's role.
 */
export function migrationSource(url: string): DataSource {
  return new DataSource({
    type: 'postgres',
    url: sessionUrl(url, '-c client_min_messages=warning'),
    applicationName: 'defi-realtime-migrate',
    migrations,
    migrationsTableName: MIGRATIONS_TABLE,
    migrationsTransactionMode: 'each',
    installExtensions: false,
    extra: { max: 1 },
  });
}

/**
 * Runs the pending migrations and returns their names. If several processes call it at once, one migrates; the others wait
 * and have nothing left to run.
 */
export async function migrateDatabase(url: string): Promise<string[]> {
  const guard = new pg.Client({ connectionString: sessionUrl(url) });
  guard.on('error', () => undefined);
  await guard.connect();
  try {
    await refuseOldServer(guard);
    await guard.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    return await runMigrations(url);
  } finally {
    await guard.end();
  }
}

/** Returns the names of the migrations that `migrateDatabase` would run. */
export async function unmigrated(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: sessionUrl(url) });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await refuseOldServer(client);
    await takeRole(client);
    return await pendingMigrations(async (text) => (await client.query<{ name: string }>(text)).rows);
  } finally {
    await client.end();
  }
}

/** Takes the role that may read the table of migrations, where it exists: the login may not inherit it. */
async function takeRole(client: pg.Client): Promise<void> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [APP_ROLE]);
  if (rowCount === 1) await client.query(`SET ROLE ${APP_ROLE}`);
}

/** Throws an error for the operator if the login of the server may not take the roles of requests and of the process. */
export async function refuseMissingRoles(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: sessionUrl(url) });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ login: string; missing: string[] }>(
      `SELECT quote_ident(session_user) AS login, ARRAY(SELECT name FROM unnest($1::text[]) AS name
         WHERE NOT pg_has_role(session_user, name, 'MEMBER')) AS missing`,
      [[APP_ROLE, WORKER_ROLE]],
    );
    const [{ login, missing } = { login: '', missing: [] }] = rows;
    if (missing.length === 0) return;
    const roles = missing.join(', ');
    throw new Error(`The login of DATABASE_URL lacks roles; as an administrator run: GRANT ${roles} TO ${login}`);
  } finally {
    await client.end();
  }
}

async function runMigrations(url: string): Promise<string[]> {
  const source = await migrationSource(url).initialize();
  try {
    const ran = await source.runMigrations();
    const roles: unknown[] = await source.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [APP_ROLE]);
    if (roles.length > 0) await source.query(`GRANT SELECT ON ${MIGRATIONS_TABLE} TO ${APP_ROLE}`);
    return ran.map((migration) => migration.name);
  } finally {
    await source.destroy();
  }
}

async function refuseOldServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ number: number; version: string }>(
    `SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version`,
  );
  const server = rows[0];
  if (server && server.number < OLDEST_SERVER) {
    throw new Error(`The database server is PostgreSQL ${server.version}; it must be version 15 or newer.`);
  }
}

/** Returns the names of the migrations that this build has and the database lacks. */
export async function pendingMigrations(query: (text: string) => Promise<{ name: string }[]>): Promise<string[]> {
  const [table] = await query(`SELECT to_regclass('${MIGRATIONS_TABLE}')::text AS name`);
  const applied = table?.name ? await query(`SELECT name FROM ${MIGRATIONS_TABLE}`) : [];
  const names = new Set(applied.map((row) => row.name));
  return migrations.map((migration) => migration.name).filter((name) => !names.has(name));
}
