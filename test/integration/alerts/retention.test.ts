import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../../support/create-test-app.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';
import { waitFor } from '../../support/wait-for.js';

let db: TestDatabase;
let app: TestApp;

const ids = async (table: string, id: string): Promise<unknown[]> =>
  (await db.pool.query<{ id: unknown }>(`SELECT ${id} AS id FROM ${table} ORDER BY 1`)).rows.map((row) => row.id);

beforeAll(async () => {
  db = await createTestDatabase();
  // Alerts and messages of every tenth day of a year and a half.
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
  app = await createTestApp({ db, settings: { ALERT_HISTORY_DAYS: '365', DELIVERY_RETENTION_DAYS: '30' } });
});
afterAll(async () => {
  await app?.close();
  await db?.drop();
});

it('alerts and finished messages are kept for as long as the settings say, and no longer', async () => {
  const young = Array.from({ length: 37 }, (_, index) => index * 10);
  await waitFor(async () => (await ids('alert_transitions', 'seq::int')).length <= young.length, {
    what: 'the end of old alerts',
    timeoutMs: 30_000,
  });
  expect(await ids('alert_transitions', 'seq::int')).toEqual(young);
  // What has not been sent yet stays, however old.
  await waitFor(async () => (await ids('deliveries', 'collapse_key::int')).length <= 4, {
    what: 'the end of old deliveries',
    timeoutMs: 30_000,
  });
  expect(await ids('deliveries', 'collapse_key::int')).toEqual([0, 10, 20, 50]);
  expect(await ids('delivery_attempts', 'delivery_id')).toHaveLength(4);
});
