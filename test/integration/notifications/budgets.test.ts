import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { HistoryRetention } from '../../../src/alerts/history/history-retention.js';
import { DeliveryRetention } from '../../../src/notifications/deliveries/delivery-retention.js';
import { editsApplied, logEvaluated, shardsReady } from '../../support/servers/alert-shards.js';
import { MarketWriter } from '../../support/data/market-writer.js';
import { RestCaller } from '../../support/clients/rest-caller.js';
import { WebhookReceiver } from '../../support/servers/webhook-receiver.js';
import { waitFor } from '../../support/wait-for.js';
import { ALERT, NotificationFixture } from './notification-fixture.js';

const LIMIT = 100_000_000;
let fixture: NotificationFixture;
let receiver: WebhookReceiver;
/** Each test has its own user. */
let user: string;
let caller: RestCaller;
let target: string;

beforeAll(async () => {
  fixture = await NotificationFixture.start();
  receiver = await WebhookReceiver.start();
});
afterAll(async () => {
  await fixture.close();
  await receiver.close();
});
beforeEach(async () => {
  user = randomUUID();
  receiver.received.length = 0;
  receiver.echoes = true;
  receiver.answer = () => undefined;
  caller = await RestCaller.of(fixture.app, user);
  target = await fixture.claim('webhook', receiver.url(`/${user}`), { userId: user });
});

const query = async (sql: string, ...values: unknown[]) => (await fixture.app.db.pool.query(sql, values)).rows;
const setUsed = (bytes: number) =>
  query(
    `INSERT INTO user_storage VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE SET bytes = $2, noticed_at = NULL`,
    user,
    bytes,
  );
const used = async (): Promise<number> => (await caller.get('/v1/me')).body.used.storedBytes;
const message = (more: object = {}) => ({ channel: 'webhook' as const, target, userId: user, ...more });
const send = (more: object = {}) => fixture.sendAll([message(more)]).then(([id = '']) => id);
const fired = () => receiver.of('alert.fired').filter(({ path }) => path === `/${user}`);
const later = { notBefore: new Date(Date.now() + 3_600_000) };

/** Returns the size of all rows of the user, computed with the SQL functions for sizes. */
async function held(): Promise<number> {
  const [row] = await query(
    `SELECT (SELECT coalesce(sum(delivery_bytes(type, data)), 0) FROM deliveries WHERE user_id = $1)
       + (SELECT coalesce(sum(attempt_bytes(a.n, a.outcome, a.detail, a.response_head)), 0)
          FROM delivery_attempts a JOIN deliveries d ON d.id = a.delivery_id WHERE d.user_id = $1)
       + (SELECT coalesce(sum(history_bytes(alert, outcome, grouped)), 0) FROM alert_transitions WHERE user_id = $1) AS bytes`,
    user,
  );
  return Number(row.bytes);
}

it('stored bytes of a user are counted on storing and deleting, including receiver replies', async () => {
  expect((await caller.get('/v1/me')).body).toMatchObject({ limits: { storedBytes: LIMIT }, used: { storedBytes: 0 } });
  await fixture.until(await send(), 'delivered');
  const one = await used();
  expect(one).toBe(await held());
  expect(one).toBeGreaterThan(1_000 + JSON.stringify(ALERT).length);
  receiver.answer = () => ({ body: 'x'.repeat(3_000) });
  await fixture.until(await send(), 'delivered');
  expect(await used()).toBe(2 * one + 3_200);
  receiver.answer = () => ({ status: 500 });
  const retrying = await send();
  await fixture.until(retrying, 'retrying');
  receiver.answer = () => undefined;
  await fixture.hurry(retrying);
  await fixture.until(retrying, 'delivered');
  expect(await used()).toBe(await held());
  await query(`UPDATE deliveries SET created_at = now() - interval '40 days' WHERE user_id = $1`, user);
  await fixture.app.nest.get(DeliveryRetention).forget();
  expect(await used()).toBe(0);
});

it('over the storage budget, messages are suppressed without text, and one notice a day is sent', async () => {
  const before = await send(later);
  await setUsed(LIMIT);
  const ids = await fixture.sendAll(Array.from({ length: 20 }, () => message()));
  const other = await send({ data: { ...ALERT, ruleId: 'r2' } });
  const kept = new Set([...ids, other]);
  // Up to 3, because a minute may end in between.
  expect(kept.size).toBeLessThanOrEqual(3);
  for (const id of kept) {
    expect(await fixture.row(id)).toMatchObject({ state: 'suppressed', reason: 'budget', data: { alertId: 'a1' } });
    expect((await fixture.row(id)).data).not.toHaveProperty('message');
  }
  expect((await caller.get(`/v1/notifications/deliveries/${other}`)).body).toMatchObject({ ruleId: 'r2' });
  const [notice] = await receiver.next('account.budget');
  expect(notice?.json.data).toMatchObject({ reason: 'stored', usedMb: 100, limitMb: 100 });
  await query(`UPDATE deliveries SET idempotency_key = NULL WHERE user_id = $1`, user);
  await send();
  expect(fired()).toEqual([]);
  expect(await query(`SELECT id FROM deliveries WHERE user_id = $1 AND type = 'account.budget'`, user)).toHaveLength(1);
  // Earlier messages are still sent, but their responses are not stored; redelivery is refused.
  const redeliver = await caller.post(`/v1/notifications/deliveries/${other}/redeliver`);
  expect(redeliver.body).toMatchObject({ code: 'limit_exceeded' });
  await fixture.hurry(before);
  await fixture.until(before, 'delivered');
  expect(await query('SELECT response_head FROM delivery_attempts WHERE delivery_id = $1', before)).toEqual([
    { response_head: null },
  ]);
  await setUsed(0);
  expect((await caller.post(`/v1/notifications/deliveries/${other}/redeliver`)).status).toBe(409);
  await fixture.until(await send(), 'delivered');
});

it('storage budgets are separate per user, and verification messages are sent even over the budget', async () => {
  await setUsed(LIMIT);
  const proven = await fixture.claim('webhook', receiver.url(`/more-${user}`), { userId: user });
  expect(proven).toContain('more');
  const other = await fixture.claim('webhook', receiver.url(`/other-${user}`), { userId: `other-${user}` });
  const [mine = '', theirs = ''] = await fixture.sendAll([
    message(),
    message({ userId: `other-${user}`, target: other }),
  ]);
  expect(await fixture.row(mine)).toMatchObject({ state: 'suppressed' });
  await fixture.until(theirs, 'delivered');
});

it('at most 100 messages wait for an unverified target', async () => {
  receiver.echoes = false;
  const unproven = await fixture.claim('webhook', receiver.url(`/silent-${user}`), { userId: user, pending: true });
  const many = (count: number) => fixture.record(Array.from({ length: count }, () => message({ target: unproven })));
  await many(60);
  await many(150);
  await many(20);
  const rows = await query(
    `SELECT state, count(*)::int AS messages FROM deliveries WHERE user_id = $1 AND type = 'alert.fired' GROUP BY 1 ORDER BY 1`,
    user,
  );
  const [pending, refused] = rows;
  // The proof itself is also waiting.
  expect(pending).toMatchObject({ state: 'pending' });
  expect(pending.messages).toBeGreaterThanOrEqual(98);
  expect(pending.messages).toBeLessThanOrEqual(100);
  expect(refused.messages).toBeLessThanOrEqual(2);
  // The notice of an earlier user may arrive late.
  const reasons = () => receiver.of('account.budget').map(({ json }) => json.data.reason);
  await waitFor(() => reasons().includes('unconfirmed'), { what: 'the notice', timeoutMs: 20_000 });
  await fixture.until(await send(), 'delivered');
});

it('alerts of a user over the budget are merged per minute; once there is room, each is sent singly again', async () => {
  const { pool } = fixture.app.db;
  const market = new MarketWriter(pool);
  const token = `t-${user.slice(0, 8)}`;
  await shardsReady(fixture.app);
  await market.price(token, 100);
  const rule = { mode: 'while_true', throttleMinutes: 0, actions: [{ type: 'webhook', target }] };
  const ruleId = await caller.rule({
    name: 'R',
    conditions: [{ token, metric: 'price', operator: 'gt', threshold: 200 }],
    ...rule,
  });
  await editsApplied(pool);
  await setUsed(LIMIT);
  for (let n = 0; n < 6; n++) {
    await market.price(token, 300 + n * 50);
    await logEvaluated(pool);
  }
  const history = async () => (await caller.get(`/v1/alerts/history?ruleId=${ruleId}`)).body.data;
  await waitFor(async () => (await history()).reduce((sum: number, row: { count: number }) => sum + row.count, 0) >= 6);
  const rows = await history();
  expect(rows.length).toBeLessThanOrEqual(2);
  expect(rows[0]).toMatchObject({ outcome: { messages: 0, suppressed: 'budget' }, lastValue: 550 });
  expect(fired()).toEqual([]);
  expect(
    await query(`SELECT id FROM deliveries WHERE user_id = $1 AND reason IS NULL AND type LIKE 'alert.%'`, user),
  ).toEqual([]);
  // Old history is deleted; history younger than a day is not.
  await query(`UPDATE alert_transitions SET at = at - interval '2 days' WHERE user_id = $1`, user);
  await setUsed(LIMIT);
  await fixture.app.nest.get(HistoryRetention).forget();
  expect(await history()).toEqual([]);
  expect(await used()).toBeLessThan(LIMIT);
  await market.price(token, 900);
  const message = await waitFor(() => fired()[0], { what: 'the alert', timeoutMs: 20_000 });
  expect(message.json.data).toMatchObject({ value: 900 });
  await setUsed(LIMIT);
  await fixture.app.nest.get(HistoryRetention).forget();
  expect(await history()).toHaveLength(1);
});
