import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PublishedState } from '../../src/events/index.js';
import { editsApplied, shardsReady } from '../support/servers/alert-shards.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { MailServer } from '../support/servers/mail-server.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { PlainClient } from '../support/clients/plain-client.js';
import { RestCaller } from '../support/clients/rest-caller.js';
import { StreamClient } from '../support/clients/event-stream.js';
import { waitFor } from '../support/wait-for.js';
import { WebhookReceiver } from '../support/servers/webhook-receiver.js';

/** The rule in the published example. */
const SPEC_RULE = {
  name: 'Uniswap TVL Alert',
  conditions: [{ protocol: 'uniswap-v3', metric: 'tvl', operator: 'change_pct', threshold: 0.1, timeWindow: 3600 }],
  actions: [{ type: 'email', target: 'user@example.com', template: 'tvl_change' }],
};

let app: TestApp;
let mail: MailServer;
let hooks: WebhookReceiver;
let market: MarketWriter;
const sockets: Socket[] = [];

beforeAll(async () => {
  [mail, hooks] = await Promise.all([MailServer.start(), WebhookReceiver.start()]);
  app = await createTestApp({
    settings: { SMTP_URL: mail.url, MAIL_FROM: 'alerts@example.org', EGRESS_ALLOW: '127.0.0.0/8' },
  });
  market = new MarketWriter(app.db.pool);
  await shardsReady(app);
});

afterAll(async () => {
  for (const socket of sockets) socket.disconnect();
  await app?.close();
  await Promise.all([mail?.close(), hooks?.close()]);
});

/** Collects the alerts of a Socket.IO client that subscribes to them. */
async function alertsOf(apiKey: string, since?: string): Promise<Record<string, unknown>[]> {
  const socket = io(`${app.url}/v1/realtime`, { auth: { apiKey }, forceNew: true });
  sockets.push(socket);
  const seen: Record<string, unknown>[] = [];
  socket.on('alert', (event: Record<string, unknown>) => seen.push(event));
  await socket.timeout(15_000).emitWithAck('subscribe', { type: 'alerts', ...(since === undefined ? {} : { since }) });
  return seen;
}

test('a rule on a TVL change alerts its owner by mail, webhook and socket, and no other user', async () => {
  const owner = await RestCaller.of(app, 'owner', { tier: 'pro' });
  const other = await RestCaller.of(app, 'other', { tier: 'pro' });
  const [own, foreign] = [await alertsOf(owner.apiKey), await alertsOf(other.apiKey)];
  const plain = await PlainClient.connect(app.url, owner.apiKey);
  await plain.ask({ type: 'subscribe', channels: ['alerts'] }, 'subscription_result');
  const foreignPlain = await PlainClient.connect(app.url, other.apiKey);
  await foreignPlain.ask({ type: 'subscribe', channels: ['alerts'] }, 'subscription_result');

  const streams = await Promise.all(
    [owner, other].map(({ apiKey }) => StreamClient.ready(app.url, `channels=events:alerts&apiKey=${apiKey}`)),
  );
  const since = String((await streams[0]!.next('ready')).body['cursor']);

  await market.protocol('uniswap-v3', 'Uniswap V3');
  // Observed two hours ago: the reference of the change within one hour.
  await market.tvl('uniswap-v3', 'ethereum', 3e9, { observedAt: new Date(Date.now() - 7_200_000) });

  // Until then the rule would be created with a warning that its protocol has no value.
  await waitFor(() => app.nest.get(PublishedState).tvlOf('uniswap-v3').length > 0);
  const created = await owner.post('/v1/alerts/rules', SPEC_RULE);
  expect(created).toMatchObject({ status: 201 });
  expect(created.body).toMatchObject({
    name: 'Uniswap TVL Alert',
    userId: 'owner',
    conditions: SPEC_RULE.conditions,
    actions: [{ type: 'email', target: 'user@example.com', template: 'tvl_change', status: 'pending' }],
    throttleMinutes: 5,
    mode: 'while_true',
    isActive: true,
    version: 1,
    warnings: [],
  });
  const { ruleId } = created.body;
  const patched = await owner.call('PATCH', `/v1/alerts/rules/${ruleId}`, {
    actions: [...SPEC_RULE.actions, { type: 'webhook', target: hooks.url() }],
  });
  expect(patched).toMatchObject({ status: 200 });

  // The owner confirms the address by the link in the mail; the endpoint proves itself by its echo.
  const [confirmation] = await mail.to('user@example.com');
  const link = /https?:\/\/\S+/.exec(confirmation!.mail.text ?? '')![0];
  const page = await fetch(`${app.url}${new URL(link).pathname}${new URL(link).search}`, { method: 'POST' });
  expect(page).toMatchObject({ ok: true });
  await waitFor(
    async () =>
      (await owner.get(`/v1/alerts/rules/${ruleId}`)).body.actions.every(
        (action: { status: string }) => action.status === 'active',
      ),
    { what: 'active targets', timeoutMs: 30_000 },
  );
  await editsApplied(app.db.pool);

  for (const tvl of [3.02e9, 2.95e9, 2.9e9, 2.85e9, 2.68e9]) await market.tvl('uniswap-v3', 'ethereum', tvl);

  const [, alertMail] = await mail.to('user@example.com', 2);
  expect(alertMail!.mail.subject).toContain('uniswap-v3');
  expect(alertMail!.header('list-unsubscribe-post')).toBe('List-Unsubscribe=One-Click');
  const [hook] = await hooks.next('alert.fired');
  await waitFor(() => own.length > 0, { what: 'the alert on the socket' });
  await plain.next('alert');

  expect(own[0]).toMatchObject({
    eventType: 'alert',
    ruleId,
    state: 'fired',
    protocol: 'uniswap-v3',
    metric: 'tvl',
    threshold: 0.1,
    type: 'change_pct',
    explanation: { ruleVersion: 2, reason: 'first_fire' },
  });
  expect(own[0]!['value']).toBeCloseTo(2.68 / 3 - 1, 6);
  expect(hook!.json.data).toMatchObject({ alertId: own[0]!['alertId'], ruleId, state: 'fired' });

  const { body: history } = await owner.get('/v1/alerts/history');
  expect(history.data).toMatchObject([
    {
      alertId: own[0]!['alertId'],
      ruleId,
      ruleVersion: 2,
      reason: 'first_fire',
      outcome: { messages: 2 },
      explanation: { conditions: [{ holds: true, current: 2.68e9, reference: 3e9, threshold: 0.1 }] },
    },
  ]);
  expect(history.data[0].message).toMatch(/Uniswap TVL Alert: TVL of uniswap-v3 fell 10\.67 % within 1 h to \$2\.68 B/);

  // One firing gives one message on each channel; the other user receives none on any channel.
  expect(own).toHaveLength(1);
  expect(hooks.of('alert.fired')).toHaveLength(1);
  expect(foreign).toEqual([]);
  expect(foreignPlain.named('alert')).toEqual([]);
  expect((await other.get('/v1/events?types=alert')).body.data).toEqual([]);
  expect((await owner.get('/v1/events?types=alert')).body.data).toHaveLength(1);
  expect((await other.get('/v1/alerts/history')).body.data).toEqual([]);

  // Event streams, and a replay of each from before the alert: the owner receives the alert, the other user nothing.
  const alert = await streams[0]!.next('alert');
  expect(alert.body).toMatchObject({ alertId: own[0]!['alertId'] });
  const replays = await Promise.all(
    [owner, other].map(({ apiKey }) =>
      StreamClient.ready(app.url, `channels=events:alerts&apiKey=${apiKey}&since=${since}`),
    ),
  );
  expect((await replays[0]!.next('alert')).body).toMatchObject({ alertId: own[0]!['alertId'] });
  const resumed = await Promise.all([owner, other].map(({ apiKey }) => alertsOf(apiKey, since)));
  expect(resumed.map((seen) => seen.length)).toEqual([1, 0]);
  expect([streams[1]!, replays[1]!].flatMap((stream) => stream.named('alert'))).toEqual([]);
  for (const stream of [...streams, ...replays]) {
    expect(stream.faults).toEqual([]);
    stream.close();
  }
  expect([...plain.faults, ...foreignPlain.faults]).toEqual([]);
  await Promise.all([plain.close(), foreignPlain.close()]);
});

test('alerts held back in quiet hours are all sent when quiet hours end', async () => {
  const owner = await RestCaller.of(app, 'sleeper', { tier: 'pro', role: 'writer' });
  const clock = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toISOString().slice(11, 16);
  const quietHours = { start: clock(-60), end: clock(60), timezone: 'UTC' };
  expect((await owner.call('PATCH', '/v1/alerts/preferences', { quietHours })).status).toBe(200);
  await market.price('mover', 100);
  for (const protocol of ['falling-a', 'falling-b', 'falling-c']) await market.tvl(protocol, 'fallen', 1_000_000);
  await waitFor(() => app.nest.get(PublishedState).tvlOf('falling-c').length > 0);
  const large = { metric: 'event', eventType: 'liquidation', field: 'amountUsd', operator: 'gte', threshold: 1_000 };
  const move = { token: 'mover', metric: 'price', operator: 'change_pct', threshold: 0.05 };
  const fall = { metric: 'tvl', chain: 'fallen', operator: 'change_pct', threshold: -0.2 };
  const actions = [{ type: 'webhook', target: hooks.url('/quiet') }];
  await owner.rule({ name: 'Large', conditions: [large], throttleMinutes: 0, actions });
  const moves = await owner.rule({ name: 'Moves', conditions: [move], throttleMinutes: 0, actions });
  await owner.rule({ name: 'Falls', conditions: [fall], actions });
  await waitFor(async () => (await owner.get(`/v1/alerts/rules/${moves}`)).body.actions[0].status === 'active', {
    what: 'an active target',
    timeoutMs: 30_000,
  });
  await editsApplied(app.db.pool);

  for (const amountUsd of [500, 1_000, 2_000, 3_000]) {
    const data = { amountUsd, borrower: `0x${amountUsd}` };
    expect((await owner.post('/v1/events', { eventType: 'liquidation', protocol: 'aave-v3', data })).status).toBe(201);
  }
  for (const price of [50, 54, 58]) await market.price('mover', price);
  for (const [protocol, tvl] of [
    ['falling-a', 790_000],
    ['falling-b', 100_000],
    ['falling-c', 500_000],
  ] as const) {
    await market.tvl(protocol, 'fallen', tvl);
  }
  const notifications = () =>
    hooks.received.filter(({ path, json }) => path === '/quiet' && json.type.startsWith('alert.'));
  await waitFor(async () => (await owner.get('/v1/alerts/history?limit=100')).body.data.length === 9, {
    what: 'nine alerts',
    timeoutMs: 30_000,
  });
  expect(notifications()).toEqual([]);
  await owner.call('PATCH', '/v1/alerts/preferences', { quietHours: null });
  await waitFor(() => notifications().length === 9, { what: 'nine messages', timeoutMs: 30_000 });
  // Compared in the order of their events, because independent messages may overtake each other.
  const cause = (alert: Record<string, unknown>) => (alert['explanation'] as { event: { cursor: string } }).event;
  const of = (name: string) =>
    notifications()
      .map(({ json }) => json.data)
      .filter((alert) => alert['name'] === name)
      .toSorted((a, b) => (cause(a).cursor < cause(b).cursor ? -1 : 1));
  expect(of('Large').map(cause)).toEqual(
    [1_000, 2_000, 3_000].map((amountUsd) => {
      const known: unknown = expect.any(String);
      return expect.objectContaining({ cursor: known, data: { amountUsd, borrower: `0x${amountUsd}` } }) as unknown;
    }),
  );
  expect(of('Moves').map(({ message }) => /(?:fell|rose) [\d.]+ %/.exec(String(message))?.[0])).toEqual([
    'fell 50 %',
    'rose 8 %',
    'rose 7.41 %',
  ]);
  expect(of('Falls').map(({ protocol, value }) => [protocol, value])).toEqual([
    ['falling-a', -0.21],
    ['falling-b', -0.9],
    ['falling-c', -0.5],
  ]);
  const preview = await owner.post('/v1/alerts/templates/preview', {
    ruleId: moves,
    text: '{{ message }} {{ links.rule }}',
  });
  expect(preview.body).toMatchObject({
    text: expect.stringMatching(new RegExp(`rose 7\\.41 %.*/v1/alerts/rules/${moves}$`)),
    warnings: [],
  });
});

test('a test alert is marked as a test; its snooze link snoozes the rule after a confirmation', async () => {
  const owner = await RestCaller.of(app, 'tester', { tier: 'pro' });
  const actions = [{ type: 'webhook', target: hooks.url('/tests') }];
  const ruleId = await owner.rule({ ...SPEC_RULE, actions });
  await waitFor(async () => (await owner.get(`/v1/alerts/rules/${ruleId}`)).body.actions[0].status === 'active', {
    what: 'an active target',
    timeoutMs: 30_000,
  });
  expect((await owner.post(`/v1/alerts/rules/${ruleId}/test`)).status).toBeLessThan(300);
  const [sent] = await hooks.next('test');
  expect(sent!.json.data).toMatchObject({ state: 'test', message: expect.stringContaining('this is a test') });

  const { rule, history, snooze } = sent!.json.data['links'] as Record<string, string>;
  expect([rule, history]).toEqual([
    expect.stringMatching(new RegExp(`/v1/alerts/rules/${ruleId}$`)),
    expect.stringMatching(new RegExp(`/v1/alerts/history\\?ruleId=${ruleId}$`)),
  ]);
  const path = app.url + new URL(snooze!).pathname;
  const snoozedUntil = async (): Promise<string | null> =>
    (await owner.get(`/v1/alerts/rules/${ruleId}`)).body.snoozedUntil;
  expect(await (await fetch(path)).text()).toContain('Snooze the alerts of “Uniswap TVL Alert” for an hour?');
  expect(await snoozedUntil()).toBeNull();
  expect(await (await fetch(path, { method: 'POST' })).text()).toContain('“Uniswap TVL Alert” is silent until');
  expect(Date.parse((await snoozedUntil()) ?? '')).toBeGreaterThan(Date.now() + 3_000_000);

  await owner.call('DELETE', `/v1/alerts/rules/${ruleId}`);
  for (const link of [path, `${path}x`]) {
    expect(await (await fetch(link, { method: 'POST' })).text()).toContain('not valid any more');
  }
});
