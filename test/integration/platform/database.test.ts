import { globSync } from 'node:fs';
import { resolve } from 'node:path';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../../src/platform/database/database.js';
import { entityOptions } from '../../../src/platform/database/entity-options.js';
import { migrationSource } from '../../../src/platform/database/migrate-database.js';
import { runFor } from '../../../src/platform/fairness/working-for.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';

describe('Database', () => {
  let test: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    test = await createTestDatabase();
    await test.pool.query('CREATE TABLE notes (id bigint PRIMARY KEY, note text); GRANT ALL ON notes TO rta_app');
    database = new Database({ url: test.url, poolSize: 4 });
  });

  afterAll(async () => {
    await database.onApplicationShutdown();
    await test.drop();
  });

  it('connects as the application role, and dedicated connections as the role of the process', async () => {
    expect(await database.one('SELECT current_user AS role')).toEqual({ role: 'rta_app' });
    const client = await database.connect('-c idle_in_transaction_session_timeout=500');
    const { rows } = await client.query(
      `SELECT current_user AS role, current_setting('idle_in_transaction_session_timeout') AS patience`,
    );
    await client.end();
    expect(rows).toEqual([{ role: 'rta_worker', patience: '500ms' }]);
  });

  it('keeps the options of the connection URL', async () => {
    const address = new URL(test.url);
    address.searchParams.set('options', '-c work_mem=12MB');
    const other = new Database({ url: address.href, poolSize: 2 });
    expect(await other.one(`SELECT current_user AS role, current_setting('work_mem') AS memory`)).toEqual({
      role: 'rta_app',
      memory: '12MB',
    });
    await other.onApplicationShutdown();
  });

  it('opens sessions in UTC with exact floats, whatever server, role or URL set', async () => {
    await test.pool
      .query(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''America/New_York''', current_database());
      EXECUTE format('ALTER ROLE %I IN DATABASE %I SET datestyle = ''SQL, DMY''', current_user, current_database());
      EXECUTE format('ALTER ROLE %I IN DATABASE %I SET extra_float_digits = 0', current_user, current_database()); END $$`);
    const address = new URL(test.url);
    address.searchParams.set('options', '-c timezone=Asia/Kolkata');
    const day = `SELECT '2026-03-08T12:00:00Z'::timestamptz AS at, date_trunc('day', '2026-03-08T12:00:00Z'::timestamptz) AS day,
      '2026-03-08T00:00:00Z'::timestamptz + interval '1 day' AS next, 0.1::float8 + 0.2 AS sum`;
    const expected = {
      at: new Date('2026-03-08T12:00:00Z'),
      day: new Date('2026-03-08T00:00:00Z'),
      next: new Date('2026-03-09T00:00:00Z'),
      sum: 0.30000000000000004,
    };
    for (const url of [test.url, address.href]) {
      const other = new Database({ url, poolSize: 1 });
      expect(await other.one(day)).toEqual(expected);
      const client = await other.connect();
      expect((await client.query(day)).rows).toEqual([expected]);
      await client.end();
      await other.onApplicationShutdown();
      const source = await migrationSource(url).initialize();
      expect(await source.query(day)).toEqual([expected]);
      await source.destroy();
    }
  });

  it('returns `int8` as a number, and undefined for no row', async () => {
    expect(await database.one('SELECT 9007199254740991::bigint AS n')).toEqual({ n: Number.MAX_SAFE_INTEGER });
    expect(await database.one('SELECT 1 WHERE false')).toBeUndefined();
  });

  it('commits a successful transaction and rolls back a failed transaction', async () => {
    await database.transaction((tx) => tx.query(`INSERT INTO notes VALUES (1, 'kept')`));
    const failing = database.transaction(async (tx) => {
      await tx.query(`INSERT INTO notes VALUES (2, 'lost')`);
      throw new Error('second thoughts');
    });
    await expect(failing).rejects.toThrow('second thoughts');
    expect(await database.query('SELECT id, note FROM notes')).toEqual([{ id: 1, note: 'kept' }]);
  });

  it('reconnects after losing idle and busy connections', async () => {
    const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'defi-realtime'`;
    const inUse = database.transaction(async (tx) => {
      await tx.query('SELECT 1');
      await test.pool.query(kill);
      await tx.query('SELECT 1');
    });
    await expect(inUse).rejects.toThrow(/terminat|connection error/i);
    await test.pool.query(kill);
    expect(await waitFor(() => database.one('SELECT 1 AS one'))).toEqual({ one: 1 });
  });
});

describe('entities', () => {
  let test: TestDatabase;
  let database: Database;
  let source: DataSource;

  beforeAll(async () => {
    test = await createTestDatabase();
    database = new Database({ url: test.url, poolSize: 4 });
    const modules = await Promise.all(globSync('src/**/*.entity.ts').map((file) => import(resolve(file))));
    const entities = modules.flatMap((module) => Object.values<new () => object>(module));
    source = await new DataSource({ ...entityOptions(database), entities }).initialize();
  });

  afterAll(async () => {
    await source.destroy();
    await database.onApplicationShutdown();
    await test.drop();
  });

  it('have the columns, types, nullability and primary keys of the migrated tables', async () => {
    expect(source.entityMetadatas.length).toBeGreaterThan(5);
    for (const { tableName, columns } of source.entityMetadatas) {
      const stored = await database.query(
        `SELECT column_name AS name, is_nullable = 'YES' AS "isNullable",
           CASE data_type WHEN 'ARRAY' THEN substr(udt_name, 2) || '[]' ELSE data_type END AS type,
           EXISTS (SELECT FROM pg_index WHERE indrelid = table_name::regclass AND indisprimary AND ordinal_position = ANY (indkey)) AS "isPrimary"
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1 ORDER BY 1`,
        [tableName],
      );
      const declared = columns.map((column) => ({
        name: column.databaseName,
        isNullable: column.isNullable,
        type: `${source.driver.normalizeType(column)}${column.isArray ? '[]' : ''}`,
        isPrimary: column.isPrimary,
      }));
      expect({ tableName, columns: declared.toSorted((a, b) => (a.name < b.name ? -1 : 1)) }).toEqual({
        tableName,
        columns: stored,
      });
    }
  });

  it('are read over the connections of `Database`, each caller in its turn', async () => {
    const held = await runFor('many', () => database.borrow());
    const order: string[] = [];
    const second = runFor('many', () => source.query('SELECT 1')).then(() => order.push('many'));
    await runFor('other', () => source.query('SELECT 1')).then(() => order.push('other'));
    held.release();
    await second;
    expect(order).toEqual(['other', 'many']);
    expect(await source.query('SELECT current_user AS role, 9007199254740991::bigint AS n')).toEqual([
      { role: 'rta_app', n: Number.MAX_SAFE_INTEGER },
    ]);
    expect(database.pool.totalCount).toBeLessThanOrEqual(4);
  });
});
