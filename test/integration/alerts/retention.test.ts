import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RestCaller } from '../../support/clients/rest-caller.js';
import { createTestApp, type TestApp } from '../../support/servers/create-test-app.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';

let db: TestDatabase;
let app: TestApp;

const [DELETED_LONG_AGO, DELETED_LATELY, THERE] = [randomUUID(), randomUUID(), randomUUID()];

const ids = async (table: string, id: string): Promise<unknown[]> =>
  (await db.pool.query<{ id: unknown }>(`SELECT ${id} AS id FROM ${table} ORDER BY 1`)).rows.map((row) => row.id);

beforeAll(async () => {
  db = await createTestDatabase();
  // Alerts and messages of every tenth day over a year and a half.
  await db.pool.query(
    `INSERT INTO alert_transitions (id, user_id, rule_id, rule_version, instance_key, seq, state, reason, at, alert, outcome)
     SELECT gen_random_uuid(), 'ann', $1, 1, '', day, 'fired', 'first_fire', now() - day * interval '1 day', '{}', '{}'
     FROM generate_series(0, 540, 10) day`,
    [randomUUID()],
  );
  await db.pool.query(
    `WITH target AS (
       INSERT INTO notification_targets (id, user_id, channel, target, target_key, status)
       VALUES (gen_random_uuid(), 'ann', 'email', 'ann@example.com', sha256('ann'), 'disabled') RETURNING id
     ), made AS (
       INSERT INTO deliveries (id, user_id, target_id, channel, target, type, data, priority, collapse_key, state,
         next_attempt_at, due_at, expires_at, created_at)
       SELECT gen_random_uuid(), 'ann', target.id, 'email', 'ann@example.com', 'alert.fired', '{}', 'normal', day::text,
              CASE WHEN day = 50 THEN 'pending' ELSE 'delivered' END, now() + interval '1 day', now() + interval '1 day',
              now() + interval '2 days', now() - day * interval '1 day'
       FROM target, generate_series(0, 60, 10) day RETURNING id
     )
     INSERT INTO delivery_attempts (delivery_id, n, trigger, started_at, duration_ms, outcome)
     SELECT id, 1, 'auto', now(), 1, 'delivered' FROM made`,
  );
  await db.pool.query(
    `INSERT INTO audit_log (at, actor, action, outcome)
     SELECT now() - day * interval '1 day', 'cli', 'day.' || day, 'ok' FROM generate_series(0, 120, 20) day`,
  );
  // Ended keys of a user who rotated often, recently and long ago, a key of the settings, and one that was rotated into a
  // deleted key.
  await db.pool.query(`INSERT INTO users VALUES ('often')`);
  await db.pool.query(
    `INSERT INTO api_keys (id, secret_hash, user_id, role, tier, created_by, revoked_at, expires_at, rotated_to)
     SELECT kind || n, sha256(''), 'often', 'reader', 'free', CASE kind WHEN 'boot' THEN 'system' ELSE 'cli' END,
       CASE WHEN kind <> 'expired' AND days >= 0 THEN now() - days * interval '1 day' END,
       CASE WHEN kind = 'expired' THEN now() - days * interval '1 day' END, CASE kind WHEN 'valid' THEN 'old1' END
     FROM (VALUES ('old', 60, 2), ('expired', 60, 2), ('boot', 60, 1), ('many', 2, 150), ('now', 0, 150), ('valid', -1, 2))
       kinds (kind, days, keys), generate_series(1, keys) n ORDER BY kind, n`,
  );
  // Rules that were deleted now and two years ago, and a rule from two years ago that still exists.
  await db.pool.query(
    `INSERT INTO alert_rule_versions (rule_id, version, user_id, change, changed_at, changed_by, rule)
     SELECT id::uuid, version, 'ann', change, now() - days * interval '1 day', 'key:a', '{}'
     FROM (VALUES ($1, 1, 'created', 800), ($1, 2, 'deleted', 700), ($2, 1, 'created', 800), ($2, 2, 'deleted', 10),
       ($3, 1, 'created', 800), ($3, 2, 'changed', 799)) v (id, version, change, days)`,
    [DELETED_LONG_AGO, DELETED_LATELY, THERE],
  );
  app = await createTestApp({
    db,
    settings: { AUDIT_DAYS: '50', ALERT_HISTORY_DAYS: '365', DELIVERY_RETENTION_DAYS: '30' },
  });
});
afterAll(async () => {
  await app?.close();
  await db?.drop();
});

it('alerts and finished deliveries are deleted after the configured days; pending deliveries are kept', async () => {
  const young = Array.from({ length: 37 }, (_, index) => index * 10);
  await waitFor(async () => (await ids('alert_transitions', 'seq::int')).length <= young.length, {
    what: 'the end of old alerts',
    timeoutMs: 30_000,
  });
  expect(await ids('alert_transitions', 'seq::int')).toEqual(young);
  // Messages that have not been sent are kept, however old they are.
  await waitFor(async () => (await ids('deliveries', 'collapse_key::int')).length <= 4, {
    what: 'the end of old deliveries',
    timeoutMs: 30_000,
  });
  expect(await ids('deliveries', 'collapse_key::int')).toEqual([0, 10, 20, 50]);
  expect(await ids('delivery_attempts', 'delivery_id')).toHaveLength(4);
});

it('versions of deleted rules and audit entries are deleted after their retention periods', async () => {
  const rules = async () => new Set(await ids('alert_rule_versions', 'rule_id'));
  await waitFor(async () => !(await rules()).has(DELETED_LONG_AGO), {
    what: 'the end of old rules',
    timeoutMs: 30_000,
  });
  expect(await rules()).toEqual(new Set([DELETED_LATELY, THERE]));
  const days = async () => (await ids('audit_log', 'action')).filter((action) => String(action).startsWith('day.'));
  await waitFor(async () => (await days()).length <= 3, { what: 'the end of old lines', timeoutMs: 30_000 });
  expect(await days()).toEqual(['day.0', 'day.20', 'day.40']);
});

it('ended keys are deleted when old or beyond the newest 100 of a user, but not those of today or of the settings', async () => {
  const kept = async () => {
    const all = (await ids('api_keys', 'id')).map((id) => /^[a-z]+/.exec(String(id))?.[0]);
    return ['old', 'expired', 'boot', 'many', 'now', 'valid'].map((kind) => all.filter((one) => one === kind).length);
  };
  await waitFor(async () => (await kept())[3] === 0, { what: 'the end of ended keys', timeoutMs: 30_000 });
  expect(await kept()).toEqual([0, 0, 1, 0, 150, 2]);
});

it('audit entries can only be deleted through a database function, and only when they are old', async () => {
  await expect(db.pool.query(`DELETE FROM audit_log WHERE action = 'day.20'`)).rejects.toThrow('append-only');
  await expect(db.pool.query('UPDATE audit_log SET actor = actor')).rejects.toThrow('append-only');
  const client = await db.pool.connect();
  try {
    await client.query('SET ROLE rta_app');
    await expect(client.query(`DELETE FROM audit_log WHERE action = 'day.40'`)).rejects.toThrow('permission denied');
    await expect(client.query('DELETE FROM alert_rule_versions')).rejects.toThrow('permission denied');
    expect((await client.query('SELECT end_audit_lines(0) AS lines')).rows).toEqual([{ lines: 1 }]);
  } finally {
    await client.query('RESET ROLE');
    client.release();
  }
});

it('the newest 100 versions of a rule are kept, and the version in use by the evaluator', async () => {
  const ann = await RestCaller.of(app, 'ann');
  const condition = { token: 'nobody', metric: 'price', operator: 'gt', threshold: 1 };
  const ruleId = await ann.rule({ name: 'changes', conditions: [condition] });
  const change = (from: number, to: number) =>
    db.pool.query(
      `INSERT INTO alert_rule_versions (rule_id, version, user_id, change, changed_by, rule)
       SELECT $1, n, 'ann', 'changed', 'key:a', '{}' FROM generate_series($2::int, $3::int) n`,
      [ruleId, from, to],
    );
  const kept = async () =>
    (await ann.get(`/v1/alerts/rules/${ruleId}/versions?limit=1000`)).body.data.map(
      (row: { version: number }) => row.version,
    );
  const down = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, index) => from - index);
  await change(2, 150);
  expect(await kept()).toEqual(down(150, 51));
  await db.pool.query(
    `INSERT INTO alert_rule_state (rule_id, rule_version, seq, suppressed, spent) VALUES ($1, 60, 0, 0, false)
     ON CONFLICT (rule_id) DO UPDATE SET rule_version = 60`,
    [ruleId],
  );
  await change(151, 400);
  expect(await kept()).toEqual([...down(400, 301), 60]);
});

it('pages of large alerts, deliveries and rules end before the limit, and together hold every item', async () => {
  await db.pool.query(
    `INSERT INTO alert_transitions (id, user_id, rule_id, rule_version, instance_key, seq, state, reason, at, alert, outcome)
     SELECT gen_random_uuid(), 'big', $1, 1, '', n, 'fired', 'first_fire', now(),
       jsonb_build_object('alertId', n, 'message', repeat('x', 100000)), '{}' FROM generate_series(1, 45) n`,
    [randomUUID()],
  );
  await db.pool.query(
    `INSERT INTO deliveries (id, user_id, channel, target, type, data, priority, collapse_key, state, next_attempt_at, due_at,
       expires_at)
     SELECT gen_random_uuid(), 'big', 'webhook', 'https://' || repeat('x', 2000) || n, 'test', '{}', 'normal', '', 'dead', now(),
       now(), now() FROM generate_series(1, 1100) n`,
  );
  const big = await RestCaller.of(app, 'big');
  const pages = async (path: string, name: (row: Record<string, string>) => unknown) => {
    const all: unknown[][] = [];
    for (let cursor = ''; ;) {
      const { body } = await big.get(`${path}?limit=1000${cursor}`);
      all.push(body.data.map(name));
      expect(body.page.has_more).toBe(body.page.next_cursor !== null);
      if (!body.page.has_more) return all;
      cursor = `&cursor=${body.page.next_cursor}`;
    }
  };
  const alerts = await pages('/v1/alerts/history', ({ alertId }) => alertId);
  expect(alerts.map((page) => page.length)).toEqual([20, 20, 5]);
  expect(alerts.flat()).toEqual(Array.from({ length: 45 }, (_, index) => 45 - index));
  const deliveries = await pages('/v1/notifications/deliveries', ({ target = '' }) => Number(target.split('x').at(-1)));
  expect(deliveries.map((page) => page.length < 1_000)).toEqual([true, true]);
  expect(deliveries.flat()).toEqual(Array.from({ length: 1_100 }, (_, index) => 1_100 - index));
  const target = 'https://example.com/hook';
  for (let index = 1; index <= 45; index += 1) {
    const made = await big.post('/v1/alerts/rules', {
      name: `${index}`,
      conditions: [{ token: 'eth', metric: 'price', operator: 'gt', threshold: 1 }],
      actions: [{ type: 'webhook', target }],
    });
    expect(made.status).toBe(201);
  }
  await db.pool.query(
    `UPDATE alert_rules SET conditions = jsonb_set(conditions, '{0,note}', to_jsonb(repeat('x', 100000))) WHERE user_id = 'big'`,
  );
  const rules = await pages('/v1/alerts/rules', ({ name }) => Number(name));
  expect(rules.map((page) => page.length)).toEqual([20, 20, 5]);
  expect(rules.flat()).toEqual(Array.from({ length: 45 }, (_, index) => 45 - index));
});
