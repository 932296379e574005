import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OWNED_ROWS } from '../../../src/platform/database/acting-as.js';
import { Database } from '../../../src/platform/database/database.js';
import { runFor, runForProcess, runRequest } from '../../../src/platform/fairness/working-for.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';

/** Tables of the policies. `read_event_log` in `OWNED_ROWS` is a function. */
const TABLES = OWNED_ROWS.filter((name) => name !== 'read_event_log');

/** SQL that gives a user one row in every table. */
const rowsOf = (user: string): string => `
WITH rule AS (
  INSERT INTO alert_rules (user_id, name, conditions) VALUES ('${user}', 'n', '[]') RETURNING rule_id
), version AS (
  INSERT INTO alert_rule_versions (rule_id, version, user_id, change, changed_by, rule)
  SELECT rule_id, 1, '${user}', 'created', 'key:k', '{}' FROM rule
), transition AS (
  INSERT INTO alert_transitions (id, user_id, rule_id, rule_version, instance_key, seq, state, reason, at, alert, outcome)
  SELECT gen_random_uuid(), '${user}', rule_id, 1, '', 1, 'fired', 'r', now(), '{}', '{}' FROM rule
), state AS (
  INSERT INTO alert_rule_state (rule_id, rule_version, seq, suppressed, spent) SELECT rule_id, 1, 0, 0, false FROM rule
), instance AS (
  INSERT INTO alert_instances (rule_id, instance_key, leaves, phase, since, told)
  SELECT rule_id, '', 0, 'firing', now(), true FROM rule
), preferences AS (
  INSERT INTO notification_preferences (user_id, preferences) VALUES ('${user}', '{}')
), template AS (
  INSERT INTO notification_templates (user_id, name, subject, text, html) VALUES ('${user}', 't', '', '', '')
), target AS (
  INSERT INTO notification_targets (id, user_id, channel, target, target_key, status)
  VALUES (gen_random_uuid(), '${user}', 'webhook', 'https://x', sha256('x'), 'pending') RETURNING id
), secret AS (
  INSERT INTO webhook_secrets (target_id, sealed) SELECT id, 's' FROM target
), delivery AS (
  INSERT INTO deliveries (id, user_id, target_id, channel, target, type, data, priority, collapse_key, state, next_attempt_at,
    due_at, expires_at)
  SELECT gen_random_uuid(), '${user}', id, 'webhook', 'https://x', 'test', '{}', 'normal', '', 'delivered', now(), now(), now()
  FROM target RETURNING id
), attempt AS (
  INSERT INTO delivery_attempts (delivery_id, n, trigger, started_at, duration_ms, outcome)
  SELECT id, 1, 'auto', now(), 1, 'delivered' FROM delivery
)
INSERT INTO event_log (seq, epoch, type, source, confidence, tags, observed_at, captured_at, logged_at, owner)
  SELECT coalesce((SELECT max(seq) FROM event_log), 0) + 1, 'e', 'alert', 'x', 1, '{}', now(), now(), now(), '${user}'`;

const ANN = { id: 'ann', role: 'reader' };

describe('rows of users', () => {
  const login = `login_${randomUUID().slice(0, 8)}`;
  let test: TestDatabase;
  let database: Database;
  let client: pg.Client;

  beforeAll(async () => {
    test = await createTestDatabase();
    await test.pool.query(rowsOf('ann'));
    await test.pool.query(rowsOf('bob'));
    await test.pool.query(`CREATE ROLE ${login} LOGIN PASSWORD 'p' NOINHERIT; GRANT rta_app, rta_worker TO ${login}`);
    const address = new URL(test.url);
    address.username = login;
    address.password = 'p';
    database = new Database({ url: address.href, poolSize: 2 });
    client = new pg.Client({ connectionString: address.href });
    await client.connect();
  });

  afterAll(async () => {
    await database.onApplicationShutdown();
    await client.end();
    await test.pool.query(`DROP ROLE ${login}`);
    await test.drop();
  });

  /** Runs statements below the application, as the login, in a transaction that is rolled back. */
  async function below<T extends pg.QueryResultRow>(...statements: string[]): Promise<T[]> {
    await client.query('BEGIN');
    try {
      let rows: T[] = [];
      for (const statement of statements) ({ rows } = await client.query<T>(statement));
      return rows;
    } finally {
      await client.query('ROLLBACK');
    }
  }

  const AS_ANN = ['SET LOCAL ROLE rta_app', `SET LOCAL rta.user_id = 'ann'`];

  it('are under forced row-level security in exactly the tables that the server knows as such', async () => {
    const { rows } = await test.pool.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relrowsecurity AND relforcerowsecurity ORDER BY 1`,
    );
    expect(rows.map(({ name }) => name)).toEqual([...TABLES].sort());
  });

  it.each(TABLES)('of %s: a login sees none, a user its own, an administrator and the process all', async (table) => {
    const count = `SELECT count(*)::int AS n FROM ${table}`;
    await expect(below(count)).rejects.toThrow('permission denied');
    expect(await below('SET LOCAL ROLE rta_app', count)).toEqual([{ n: 0 }]);
    expect(await below('SET LOCAL ROLE rta_app', `SET LOCAL rta.user_id = ''`, count)).toEqual([{ n: 0 }]);
    expect(await below('SET LOCAL ROLE rta_app', `SET LOCAL rta.user_id = 'eve'`, count)).toEqual([{ n: 0 }]);
    expect(await below(...AS_ANN, count)).toEqual([{ n: 1 }]);
    expect(await below(...AS_ANN, `SET LOCAL rta.role = 'writer'`, count)).toEqual([{ n: 1 }]);
    expect(await below(...AS_ANN, `SET LOCAL rta.role = 'admin'`, count)).toEqual([{ n: 2 }]);
    expect(await below('SET LOCAL ROLE rta_worker', count)).toEqual([{ n: 2 }]);
    // The statement of a route that forgot its condition.
    expect(await runRequest('r', () => database.query(count))).toEqual([{ n: 0 }]);
    expect(await runFor('key', () => database.query(count), ANN)).toEqual([{ n: 1 }]);
    expect(await runFor('key', () => database.transaction(async (tx) => (await tx.query(count)).rows), ANN)).toEqual([
      { n: 1 },
    ]);
    expect(await runFor('key', () => runForProcess(() => database.query(count)), ANN)).toEqual([{ n: 2 }]);
    expect(await database.query(count)).toEqual([{ n: 2 }]);
    const { rows } = await database.pool.query(count);
    expect(rows, 'on a pooled connection outside of a transaction').toEqual([{ n: 0 }]);
  });

  it('cannot be changed, ended, taken over or planted by another user, not even by an administrator', async () => {
    for (const role of ['reader', 'admin']) {
      const as = [...AS_ANN, `SET LOCAL rta.role = '${role}'`];
      for (const table of ['alert_rules', 'notification_templates', 'deliveries']) {
        expect(await below(...as, `DELETE FROM ${table} WHERE user_id = 'bob' RETURNING 1`)).toEqual([]);
        expect(await below(...as, `UPDATE ${table} SET user_id = 'ann' WHERE user_id = 'bob' RETURNING 1`)).toEqual([]);
        await expect(below(...as, `UPDATE ${table} SET user_id = 'bob' WHERE user_id = 'ann'`)).rejects.toThrow(
          'row-level security',
        );
      }
      const plant = `INSERT INTO notification_templates (user_id, name, subject, text, html) VALUES ('bob', 'z', '', '', '')`;
      await expect(below(...as, plant)).rejects.toThrow('row-level security');
      expect(await below(...as, `SELECT id FROM notification_targets WHERE user_id = 'bob' FOR UPDATE`)).toEqual([]);
    }
    const secret = `INSERT INTO webhook_secrets (target_id, sealed) SELECT id, 'mine' FROM notification_targets
      WHERE user_id = 'bob'`;
    await expect(below(...AS_ANN, `SET LOCAL rta.role = 'admin'`, secret)).rejects.toThrow('row-level security');
  });

  it('are not readable through partitions, functions and views that everybody may use', async () => {
    const { rows } = await test.pool.query<{ name: string }>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'event_log'::regclass`,
    );
    for (const { name } of rows) {
      await expect(below('SET LOCAL ROLE rta_worker', `SELECT FROM ${name}`)).rejects.toThrow('permission denied');
    }
    const read = `SELECT owner FROM read_event_log(0, 99, 9, NULL, NULL, NULL, NULL, true, 'bob') WHERE owner IS NOT NULL`;
    expect(await below(...AS_ANN, read)).toEqual([]);
    expect(await below('SET LOCAL ROLE rta_worker', read)).toEqual([{ owner: 'bob' }]);
    expect(await below(...AS_ANN, `SELECT 1 FROM delivered_events WHERE type = 'alert'`)).toEqual([]);
    expect(await below(...AS_ANN, 'SELECT head_seq::int AS seq FROM event_log_bounds()')).toEqual([{ seq: 2 }]);
    expect(await below(...AS_ANN, `SELECT unproven_targets(sha256('x'))::int AS n`)).toEqual([{ n: 2 }]);
  });

  it('stay apart while two users share the connections of a small pool, also after errors', async () => {
    const seen = async (user: string): Promise<string[]> => {
      const rows = await runFor(user, () => database.query<{ u: string }>('SELECT user_id AS u FROM alert_rules'), {
        id: user,
        role: 'reader',
      });
      return rows.map(({ u }) => u);
    };
    const fails = (user: string): Promise<unknown> =>
      runFor(user, () => database.query('SELECT 1 / 0 FROM alert_rules'), { id: user, role: 'admin' }).catch(String);
    const failures: Promise<unknown>[] = [];
    await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const user = index % 2 === 0 ? 'ann' : 'bob';
        if (index % 3 === 0) failures.push(fails(user));
        expect(await seen(user)).toEqual([user]);
      }),
    );
    expect(await Promise.all(failures)).toEqual(Array(20).fill('error: division by zero'));
  });

  it('belong to the user with exactly that name, whatever characters it has', async () => {
    for (const id of [`'; SET ROLE rta_worker; --`, String.raw`\'; SELECT 1; --`, `ann'`, 'ann ', 'ANN', '%']) {
      const rows = await runFor('key', () => database.query('SELECT FROM alert_rules'), { id, role: `admin'` });
      expect(rows, `rows of ${id}`).toEqual([]);
    }
  });

  it('are not lost to a statement whose commit fails: its error is reported', async () => {
    await test.pool.query(`CREATE FUNCTION refuse_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'too late'; END $$;
      CREATE CONSTRAINT TRIGGER late AFTER INSERT ON notification_preferences DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION refuse_late()`);
    const insert = `INSERT INTO notification_preferences (user_id, preferences) VALUES ('cat', '{}')`;
    await expect(runFor('key', () => database.query(insert), { id: 'cat', role: 'reader' })).rejects.toThrow(
      'too late',
    );
    expect(await database.query(`SELECT FROM notification_preferences WHERE user_id = 'cat'`)).toEqual([]);
  });
});
