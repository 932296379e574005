import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  migrateDatabase,
  migrationSource,
  pendingMigrations,
  unmigrated,
} from '../../../src/platform/database/migrate-database.js';
import { migrations } from '../../../migrations/index.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

describe('the migrations', () => {
  let db: TestDatabase;

  beforeEach(async () => {
    db = await createTestDatabase({ empty: true });
  });

  afterEach(() => db.drop());

  /** Every object that a migration can make, in words that compare. */
  async function schema(): Promise<string[]> {
    const { rows } = await db.pool.query<{ what: string }>(`
      SELECT format('column %s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) AS what
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT SIMILAR TO '%_[0-9]+'
      UNION ALL SELECT format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT SIMILAR TO '%_[0-9]+'
      UNION ALL SELECT format('function %s %s', oid::regprocedure, md5(prosrc)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
      UNION ALL SELECT format('trigger %s', pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal
      ORDER BY 1`);
    return rows.map((row) => row.what);
  }

  it('leave nothing behind when undone, and make the same again', async () => {
    const empty = await schema();
    await migrateDatabase(db.url);
    const complete = await schema();
    expect(complete.length).toBeGreaterThan(empty.length + 50);
    const source = await migrationSource(db.url).initialize();
    for (const _ of migrations) await source.undoLastMigration();
    await source.destroy();
    expect((await schema()).filter((what) => !what.includes('schema_migrations'))).toEqual(empty);
    await migrateDatabase(db.url);
    expect(await schema()).toEqual(complete);
  });

  it('run once when several processes start at the same time', async () => {
    const ran = await Promise.all([migrateDatabase(db.url), migrateDatabase(db.url), migrateDatabase(db.url)]);
    expect(ran.map((names) => names.length).sort((a, b) => a - b)).toEqual([0, 0, migrations.length]);
  });

  it('are known by name while they are pending', async () => {
    expect(await unmigrated(db.url)).toEqual(migrations.map((migration) => migration.name));
    await migrateDatabase(db.url);
    expect(await unmigrated(db.url)).toEqual([]);
  });

  it('may be asked for by the application role', async () => {
    await migrateDatabase(db.url);
    const client = await db.pool.connect();
    await client.query('SET ROLE rta_app');
    const pending = await pendingMigrations(async (text) => (await client.query<{ name: string }>(text)).rows);
    client.release(true);
    expect(pending).toEqual([]);
  });
});
