import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrateDatabase, refuseMissingRoles, unmigrated } from '../../../src/platform/database/migrate-database.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';

const RULE = `INSERT INTO alert_rules (user_id, name, conditions) VALUES ('ann', 'n', '[]')`;
const EVENT = `INSERT INTO event_log (seq, epoch, type, source, confidence, tags, observed_at, captured_at, logged_at, owner)
  VALUES (1, 'e', 'alert', 'x', 1, '{}', now(), now(), now(), 'ann')`;

describe('an owner of the database that is no superuser', () => {
  const owner = `owner_${randomUUID().slice(0, 8)}`;
  let test: TestDatabase;
  let url: string;

  beforeEach(async () => {
    test = await createTestDatabase({ empty: true });
    await test.pool.query(`CREATE ROLE ${owner} LOGIN PASSWORD 'p' CREATEROLE NOINHERIT`);
    const { rows } = await test.pool.query<{ name: string }>('SELECT current_database() AS name');
    await test.pool.query(`ALTER DATABASE ${rows[0]?.name} OWNER TO ${owner}`);
    const address = new URL(test.url);
    address.username = owner;
    address.password = 'p';
    url = address.href;
  });

  afterEach(async () => {
    await test.pool.query(`DROP OWNED BY ${owner} CASCADE; REASSIGN OWNED BY ${owner} TO CURRENT_USER`);
    await test.drop();
    const admin = new pg.Client({ connectionString: test.url.replace(/\/[^/]*$/, '/postgres') });
    await admin.connect();
    await admin.query(`DROP ROLE ${owner}`);
    await admin.end();
  });

  it('migrates, sees no rows of users itself, and its functions and views work for those that may use them', async () => {
    await test.pool.query(`GRANT rta_app, rta_worker, rta_writer, rta_reader, rta_query TO ${owner} WITH ADMIN OPTION`);
    await migrateDatabase(url);
    expect(await unmigrated(url)).toEqual([]);
    await refuseMissingRoles(url);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const rows = async (sql: string): Promise<unknown[]> => (await client.query(sql)).rows;
    try {
      await client.query(`BEGIN; SET LOCAL ROLE rta_worker; ${RULE}; ${EVENT}; COMMIT`);
      expect(await rows('SELECT FROM alert_rules')).toEqual([]);
      expect(await rows('SELECT FROM event_log WHERE owner IS NOT NULL')).toEqual([]);
      await expect(client.query(RULE)).rejects.toThrow('row-level security');
      await client.query(`BEGIN; SET LOCAL ROLE rta_query; SET LOCAL rta.owner = 'ann'`);
      expect(await rows(`SELECT type FROM readable_events`)).toEqual([{ type: 'alert' }]);
      await client.query(`SET LOCAL rta.owner = 'bob'`);
      expect(await rows(`SELECT type FROM readable_events`)).toEqual([]);
      await client.query('ROLLBACK');
      await client.query(`BEGIN; SET LOCAL ROLE rta_app; SET LOCAL rta.user_id = 'ann'`);
      expect(await rows(`SELECT head_seq::int AS seq FROM event_log_bounds()`)).toEqual([{ seq: 1 }]);
      expect(await rows(`DELETE FROM alert_rules RETURNING name`)).toEqual([{ name: 'n' }]);
      await client.query('ROLLBACK');
    } finally {
      await client.end();
    }
  });

  it('is told what an administrator must run, where it may not grant roles', async () => {
    await test.pool.query(
      `ALTER ROLE ${owner} NOCREATEROLE; GRANT rta_app, rta_writer, rta_reader, rta_query TO ${owner}`,
    );
    await expect(migrateDatabase(url)).rejects.toThrow(
      `as an administrator run CREATE ROLE rta_worker NOLOGIN; GRANT rta_app TO rta_worker; GRANT rta_app, rta_worker TO ${owner};`,
    );
  });
});

it('a login without the roles of the server is refused at the start, with the statement to run', async () => {
  const login = `login_${randomUUID().slice(0, 8)}`;
  const test = await createTestDatabase();
  await test.pool.query(`CREATE ROLE ${login} LOGIN PASSWORD 'p'; GRANT rta_app TO ${login}`);
  const address = new URL(test.url);
  address.username = login;
  address.password = 'p';
  await expect(refuseMissingRoles(address.href)).rejects.toThrow(`run: GRANT rta_worker TO ${login}`);
  await test.pool.query(`DROP ROLE ${login}`);
  await test.drop();
});
