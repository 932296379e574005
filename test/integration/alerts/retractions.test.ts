import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { appendEvents, eventId, Sequencer } from '../../../src/events/index.js';
import { Database } from '../../../src/platform/database/database.js';
import { RestCaller } from '../../support/clients/rest-caller.js';
import { editsApplied, logEvaluated, shardsReady } from '../../support/servers/alert-shards.js';
import { createTestApp, type TestApp } from '../../support/servers/create-test-app.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { WebhookReceiver } from '../../support/servers/webhook-receiver.js';
import { waitFor } from '../../support/wait-for.js';

const SETTINGS = {
  VERIFY_TARGETS: 'false',
  EGRESS_ALLOW: '127.0.0.0/8',
  WEBHOOK_RATE: '0',
  LIMIT_ALERT_RULES: 'free=0',
};

let db: TestDatabase;
let app: TestApp;
let user: RestCaller;
let hooks: WebhookReceiver;
let users = 0;
let chain = '';

beforeAll(async () => {
  db = await createTestDatabase();
  app = await createTestApp({ db, settings: SETTINGS });
  await shardsReady(app);
}, 120_000);
afterAll(async () => {
  await app?.close();
  await db?.drop();
});
beforeEach(async () => {
  users += 1;
  chain = `chain-${users}`;
  user = await RestCaller.of(app, `user-${users}`);
  hooks = await WebhookReceiver.start();
});
afterEach(() => hooks.close());

/** Rule on stakes of the test's chain, sent to the receiver. */
async function stakeRule(more: object = {}, action: object = {}): Promise<string> {
  const id = await user.rule({
    name: 'stakes',
    conditions: [
      { metric: 'event', eventType: 'onchain_event', chain, field: 'kind', operator: 'eq', threshold: 'Stake' },
    ],
    throttleMinutes: 0,
    actions: [{ type: 'webhook', target: hooks.url(), ...action }],
    ...more,
  });
  await editsApplied(db.pool);
  return id;
}

type NewEvents = Parameters<typeof appendEvents>[1];

async function append(...events: NewEvents): Promise<void> {
  await app.nest.get(Database).transaction((tx) => appendEvents(tx, events));
  app.nest.get(Sequencer, { strict: false }).ring();
}

const idOf = (name: string): string => `${chain}:0x${name}:0`;

/** Row of a stake in the log. */
function stake(name: string, status: 'pending' | 'final' = 'pending', isRepeat = status === 'final'): NewEvents[0] {
  const data = { onchainId: idOf(name), kind: 'Stake', blockNumber: 7, from: '0xaa', to: null, status };
  return { type: 'onchain_event', chain, source: 'onchain', data: { ...data, ...(isRepeat && { repeat: true }) } };
}

/** Reorganisation that retracts the newest rows of events; `pad`: ids of other events in the list. */
async function reorg(names: readonly string[], pad = 0): Promise<NewEvents[0]> {
  await logEvaluated(db.pool);
  const { rows } = await db.pool.query<{ seq: string; epoch: string; at: number }>(
    `SELECT DISTINCT ON (data ->> 'onchainId') seq, epoch, floor(extract(epoch FROM logged_at) * 1000)::float8 AS at FROM event_log
     WHERE type = 'onchain_event' AND data ->> 'onchainId' = ANY ($1) ORDER BY data ->> 'onchainId', seq DESC`,
    [names.map(idOf)],
  );
  const ids = rows.map(({ seq, epoch, at }) => eventId({ seq: Number(seq), epoch, loggedAt: at }));
  const others = Array.from({ length: pad }, (_, n) => eventId({ seq: 9_000_000 + n, epoch: 'x', loggedAt: 1 }));
  const data = { chain, oldHead: '0x1', newHead: '0x2', depth: 2, retracted: [...others, ...ids], part: 1, parts: 1 };
  return { type: 'chain_reorg', chain, source: 'onchain', data };
}

const received = (type: string) => hooks.of(type).map(({ json }) => json.data as Record<string, string>);
const history = async () => (await user.get('/v1/alerts/history?limit=100')).body.data as Record<string, string>[];
const deliveries = async () =>
  (await user.get('/v1/notifications/deliveries?limit=100')).body.data as Record<string, string>[];

async function settled(): Promise<void> {
  await logEvaluated(db.pool);
  await waitFor(
    async () => (await deliveries()).every(({ state }) => !['pending', 'sending', 'retrying'].includes(state ?? '')),
    { what: 'no message that waits', timeoutMs: 90_000 },
  );
}

it('an alert whose event is retracted is followed by its retraction, to the same receiver and under its id', async () => {
  await stakeRule();
  await append(stake('a1'), stake('b1'));
  await waitFor(() => received('alert.fired').length === 2, { what: 'two firings', timeoutMs: 90_000 });
  await append(await reorg(['a1'], 1_400));
  await waitFor(() => received('alert.retracted').length > 0, { what: 'a retraction', timeoutMs: 90_000 });
  await append(await reorg(['a1']));
  await settled();
  const [first] = (await history()).filter(({ retractedAt }) => retractedAt !== undefined);
  expect(received('alert.retracted')).toMatchObject([
    { alertId: first?.['alertId'], ruleId: first?.['ruleId'], state: 'retracted' },
  ]);
  expect(received('alert.fired').map(({ alertId }) => alertId)).toContain(first?.['alertId']);
  expect(received('alert.retracted')[0]?.['message']).toContain(`reorganisation of ${chain}`);
  expect((await history()).map(({ retractedAt }) => retractedAt === undefined)).toHaveLength(2);
  const { rows } = await db.pool.query(
    `SELECT data ->> 'alertId' AS id FROM event_log WHERE type = 'alert' AND owner = $1 AND data ->> 'state' = 'retracted'`,
    [`user-${users}`],
  );
  expect(rows).toEqual([{ id: first?.['alertId'] }]);
}, 240_000);

it('an event that returns with its block is alerted anew, and its second alert is not retracted with the first', async () => {
  await stakeRule();
  await append(stake('c1'));
  await waitFor(() => received('alert.fired').length === 1, { what: 'a firing', timeoutMs: 90_000 });
  await append(await reorg(['c1']), stake('c1'));
  await waitFor(() => received('alert.fired').length === 2, { what: 'a second firing', timeoutMs: 90_000 });
  await settled();
  expect(received('alert.retracted')).toHaveLength(1);
  const found = await history();
  expect(found.map(({ retractedAt }) => retractedAt === undefined)).toEqual([true, false]);
}, 240_000);

it('an alert that still waits for its time is not sent at all when its event is retracted', async () => {
  await stakeRule({ quietHours: { start: '00:00', end: '23:59', timezone: 'UTC', allowCritical: false } });
  await append(stake('d1'));
  await waitFor(async () => (await deliveries()).length === 1, { what: 'a waiting message', timeoutMs: 90_000 });
  await append(await reorg(['d1']));
  await settled();
  expect((await deliveries()).map(({ type, state, reason }) => ({ type, state, reason }))).toEqual([
    { type: 'alert.fired', state: 'suppressed', reason: 'retracted' },
  ]);
  expect(hooks.received).toEqual([]);
  expect(await history()).toMatchObject([{ retractedAt: expect.any(String) }]);
}, 240_000);

it('a retraction that was written while no process ran is made by the next one', async () => {
  await stakeRule();
  await append(stake('g1'));
  await waitFor(() => received('alert.fired').length === 1, { what: 'a firing', timeoutMs: 90_000 });
  const parts = [await reorg([], 1_500), await reorg(['g1'])];
  await app.close();
  const client = await db.pool.connect();
  await appendEvents(client, parts).finally(() => client.release());
  app = await createTestApp({ db, settings: SETTINGS });
  await shardsReady(app);
  user = new RestCaller(app.url, user.apiKey);
  await waitFor(() => received('alert.retracted').length === 1, { what: 'a retraction', timeoutMs: 90_000 });
  await settled();
  expect(received('alert.retracted')).toHaveLength(1);
}, 240_000);

it('one action is sent at once and another of the same rule once the event is final', async () => {
  const final = await WebhookReceiver.start();
  try {
    await stakeRule({
      actions: [
        { type: 'webhook', target: hooks.url() },
        { type: 'webhook', target: final.url(), finality: 'final' },
      ],
    });
    await append(stake('e1'), stake('e2'));
    await waitFor(() => received('alert.fired').length === 2, { what: 'instant messages', timeoutMs: 90_000 });
    expect(final.received).toEqual([]);
    await append(stake('e1', 'final'), await reorg(['e2']));
    await waitFor(() => final.of('alert.fired').length === 1, { what: 'the final message', timeoutMs: 90_000 });
    await settled();
    const alertId = (await history()).find(({ retractedAt }) => retractedAt === undefined)?.['alertId'];
    expect(final.received.map(({ json }) => [json.type, json.data.alertId])).toEqual([['alert.fired', alertId]]);
    expect(received('alert.retracted')).toHaveLength(1);
  } finally {
    await final.close();
  }
}, 240_000);

it('an event that is seen when its block is final is sent to both kinds of actions at once', async () => {
  await stakeRule({}, { finality: 'final' });
  await append(stake('f1', 'final', false));
  expect(await hooks.next('alert.fired')).toHaveLength(1);
}, 240_000);

it('a finality of an action that means nothing is refused', async () => {
  const actions = [{ type: 'webhook', target: hooks.url(), finality: 'final' }];
  const price = [{ token: 'bitcoin', metric: 'price', operator: 'gt', threshold: 1 }];
  const refused = await user.post('/v1/alerts/rules', { name: 'a', conditions: price, actions });
  expect(refused).toMatchObject({ status: 400 });
  expect(JSON.stringify(refused.body)).toContain('/actions/0/finality');
  const events = [{ metric: 'event', eventType: 'onchain_event' }];
  const instant = [{ ...actions[0], finality: 'instant' }];
  const other = await user.post('/v1/alerts/rules', {
    name: 'b',
    conditions: events,
    finality: 'final',
    actions: instant,
  });
  expect(other).toMatchObject({ status: 400 });
  const unknown = [{ ...actions[0], finality: 'soon' }];
  expect(await user.post('/v1/alerts/rules', { name: 'c', conditions: events, actions: unknown })).toMatchObject({
    status: 400,
  });
});
