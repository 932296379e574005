import { io } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { StreamClient } from '../support/clients/event-stream.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { PlainClient, type Message } from '../support/clients/plain-client.js';
import { callApi, type RestAnswer } from '../support/clients/rest-caller.js';
import { waitFor } from '../support/wait-for.js';

let app: TestApp;
let market: MarketWriter;
let alice: string;
let bob: string;
const clients: (PlainClient | StreamClient)[] = [];

beforeAll(async () => {
  app = await createTestApp();
  market = new MarketWriter(app.db.pool);
  [alice, bob] = await Promise.all([app.key({ userId: 'alice' }), app.key({ userId: 'bob' })]);
});

afterAll(() => app.close());

afterEach(async () => {
  await Promise.all(clients.splice(0).map(async (client) => client.close()));
  await waitFor(async () => idsOf(await call(app.adminKey, 'GET', '/connections')).length === 0, {
    what: 'an empty house',
  });
});

const call = (key: string, method: string, path: string, body?: unknown): Promise<RestAnswer> =>
  callApi(app, key, method, `/v1/realtime${path}`, body);

async function connect(key: string): Promise<{ client: PlainClient; id: string }> {
  const client = await PlainClient.connect(app.url, key);
  clients.push(client);
  return { client, id: String(client.messages[0]?.['connectionId']) };
}

const idsOf = ({ body }: RestAnswer): string[] =>
  (body['data'] as Message[]).map(({ connectionId }) => String(connectionId)).sort();

describe('connections in the management API', () => {
  it('are shown to their user with all details', async () => {
    const { id } = await connect(alice);
    const { status, body } = await call(alice, 'GET', `/connections/${id}`);
    expect(status).toBe(200);
    expect(body).toEqual({
      connectionId: id,
      userId: 'alice',
      keyId: expect.any(String),
      connectedAt: expect.stringMatching(/Z$/),
      lastActivity: expect.stringMatching(/Z$/),
      transport: 'websocket',
      metadata: { userAgent: null, ipAddress: '127.0.0.1', region: null },
      subscriptions: 0,
    });
  });

  it('are listed in pages; connections of other users are listed for admins only', async () => {
    const own = await Promise.all(Array.from({ length: 3 }, () => connect(alice)));
    const { id: foreign } = await connect(bob);
    const stream = await StreamClient.ready(app.url, `apiKey=${bob}`);
    clients.push(stream);
    const first = await call(alice, 'GET', '/connections?limit=2');
    const { next_cursor, has_more } = first.body['page'] as { next_cursor: string; has_more: boolean };
    expect(has_more).toBe(true);
    const second = await call(alice, 'GET', `/connections?limit=2&cursor=${next_cursor}`);
    expect(second.body['page']).toEqual({ next_cursor: null, has_more: false });
    expect(new Set([...idsOf(first), ...idsOf(second)])).toEqual(new Set(own.map(({ id }) => id)));
    expect(idsOf(await call(app.adminKey, 'GET', '/connections'))).toContain(foreign);
    const bobs = await call(app.adminKey, 'GET', '/connections?userId=bob');
    expect(new Set((bobs.body['data'] as Message[]).map(({ transport }) => transport))).toEqual(
      new Set(['sse', 'websocket']),
    );
    expect(idsOf(await call(alice, 'GET', '/connections?userId=bob'))).toEqual([]);
    for (const cursor of ['zz', 'a'.repeat(30), '%00']) {
      const answer = await call(alice, 'GET', `/connections?cursor=${cursor}`);
      expect([answer.status, answer.body['code']]).toEqual([400, 'invalid_request']);
    }
  });

  it('are not found by other users', async () => {
    const { id } = await connect(bob);
    const body = { type: 'tvl_changes' };
    const answers = await Promise.all([
      call(alice, 'GET', `/connections/${id}`),
      call(alice, 'DELETE', `/connections/${id}`),
      call(alice, 'GET', `/connections/${id}/subscriptions`),
      call(alice, 'POST', `/connections/${id}/subscriptions`, body),
      call(alice, 'PATCH', `/connections/${id}/subscriptions`, {}),
      call(alice, 'DELETE', `/connections/${id}/subscriptions`),
      call(alice, 'GET', `/explain?connection=${id}&cursor=x-00000000001`),
      call(alice, 'GET', '/connections/nobody'),
    ]);
    expect(answers.map(({ status, body }) => `${status} ${String(body['code'])}`)).toEqual(
      answers.map(() => '404 not_found'),
    );
  });

  it('are closed on request after an error message to the client', async () => {
    const { client, id } = await connect(alice);
    expect((await call(alice, 'DELETE', `/connections/${id}`)).status).toBe(204);
    expect(await client.next('error')).toMatchObject({ error: { retryable: true }, cursor: expect.any(String) });
    await client.closed;
    expect((await call(alice, 'GET', `/connections/${id}`)).status).toBe(404);
  });

  it.each(['limit=0', 'limit=1001', 'limit=x', 'limit=1.5', 'cursor=', 'nonsense=1'])(
    'refuse the list parameters ?%s',
    async (query) => {
      const { status, body } = await call(alice, 'GET', `/connections?${query}`);
      expect([status, body['code']]).toEqual([400, 'invalid_request']);
    },
  );
});

describe('subscriptions in the management API', () => {
  it('are added, listed, changed and removed, and changes apply immediately', async () => {
    await market.price('managed-coin', 100);
    const { client, id } = await connect(alice);
    const path = `/connections/${id}/subscriptions`;
    const added = await call(alice, 'POST', path, { type: 'price_changes', tokens: ['Managed-Coin'], threshold: 0.07 });
    expect(added).toMatchObject({
      status: 201,
      body: { subscriptions: [{ type: 'price_changes', tokens: ['managed-coin'], threshold: 0.05 }] },
    });
    await market.price('managed-coin', 110);
    expect(await client.next('price_update')).toMatchObject({ channel: 'price_changes', data: { price: 110 } });
    const changed = await call(alice, 'PATCH', path, {
      type: 'price_changes',
      tokens: ['managed-coin'],
      threshold: 0.5,
    });
    expect(changed).toMatchObject({ status: 200, body: { subscriptions: [{ threshold: 0.5 }] } });
    expect(await call(alice, 'GET', path)).toMatchObject({
      body: { data: [{ threshold: 0.5 }], page: { has_more: false } },
    });
    await market.price('managed-coin', 121);
    const misread = await call(alice, 'DELETE', path, { type: 'price_changes' });
    expect([misread.status, misread.body['detail']]).toEqual([400, expect.stringContaining('?id=')]);
    const removed = await call(alice, 'DELETE', `${path}?type=price_changes`);
    expect(removed).toMatchObject({ status: 200, body: { removed: [{ type: 'price_changes' }] } });
    expect((await call(alice, 'GET', path)).body['data']).toEqual([]);
    expect(client.named('price_update')).toHaveLength(1);
  });

  it('to a channel keep the name of the channel', async () => {
    const { id } = await connect(alice);
    const path = `/connections/${id}/subscriptions`;
    await call(alice, 'POST', path, { type: 'channel', channel: 'events:chain:bsc' });
    expect((await call(alice, 'GET', path)).body['data']).toMatchObject([
      { type: 'channel', channel: 'events:chain:bsc' },
    ]);
    expect((await call(alice, 'DELETE', `${path}?channel=events:chain:bsc`)).body['removed']).toHaveLength(1);
  });

  it.each([
    ['no fields', {}],
    ['an unknown type', { type: 'everything' }],
    ['an unknown field', { type: 'tvl_changes', x: 1 }],
    ['a wrong type', { type: 'tvl_changes', threshold: 'high' }],
    ['a negative number', { type: 'tvl_changes', minValue: -1 }],
    ['event types that the subscription never sends', { type: 'tvl_changes', eventTypes: ['price_change'] }],
    ['an interval that is no whole number', { type: 'tvl_changes', intervalMs: 1000.5 }],
    ['text that is no cursor', { type: 'tvl_changes', since: 'yesterday' }],
    ['a list of objects', { type: 'tvl_changes', protocols: [{}] }],
    ['a text that is not a channel', { type: 'channel', channel: 'nonsense' }],
    ['a too long list', { type: 'tvl_changes', protocols: Array.from({ length: 501 }, (_, i) => `p${i}`) }],
  ])('are refused with an invalid body: %s', async (_, body) => {
    const { id } = await connect(alice);
    const answer = await call(alice, 'POST', `/connections/${id}/subscriptions`, body);
    expect([answer.status, answer.body['code']]).toEqual([400, 'invalid_request']);
  });

  it('to events of all owners are refused unless the caller is an admin', async () => {
    const { id } = await connect(alice);
    const answer = await call(alice, 'POST', `/connections/${id}/subscriptions`, { type: 'alerts', all: true });
    expect([answer.status, answer.body['code']]).toEqual([403, 'forbidden']);
  });

  it('are counted: own subscriptions for users, all subscriptions for admins', async () => {
    const { client } = await connect(alice);
    await client.ask({ type: 'subscribe', channels: ['tvl', 'prices'] }, 'subscription_result');
    await client.ask({ type: 'subscribe', query: { dataset: 'tvl' } }, 'subscription_confirmed');
    const { client: other } = await connect(bob);
    await other.ask({ type: 'subscribe', channels: ['tvl'] }, 'subscription_result');
    expect((await call(alice, 'GET', '/subscription-stats')).body).toMatchObject({
      connections: { total: 1, websocket: 1, socketio: 0, sse: 0 },
      subscriptions: 3,
      byName: { tvl: 1, prices: 1, query: 1 },
    });
    const metrics = await (await fetch(`${app.url}/metrics`)).text();
    expect(metrics).toMatch(/^ws_subscription_count 4$/m);
    expect((await call(app.adminKey, 'GET', '/subscription-stats')).body).toMatchObject({
      connections: { total: 2 },
      byName: { tvl: 2, prices: 1 },
    });
  });
});

describe('`explain`', () => {
  it('returns the first failed condition of each subscription, by cursor and by event id', async () => {
    await market.tvl('explained', 'ethereum', 1_000);
    const { client, id } = await connect(alice);
    const subscribe = (channel: string, filters: object) =>
      client.ask({ type: 'subscribe', channels: [channel], filters }, 'subscription_confirmed');
    await subscribe('events:tvl', {});
    await subscribe('events:prices', {});
    await subscribe('events:protocol:other', {});
    await subscribe('events:protocol:explained', { threshold: 0.5 });
    await subscribe('events:chain:ethereum', { chains: ['base'] });
    await subscribe('events:chain:ethereum:tvl', { minValue: 5_000 });
    await market.tvl('explained', 'ethereum', 1_100);
    const { cursor, data } = await client.next('tvl_update');
    await client.ask({ type: 'subscribe', channels: ['tvl'] }, 'subscription_result');
    const { status, body } = await call(alice, 'GET', `/explain?connection=${id}&cursor=${String(cursor)}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ connectionId: id, cursor, eventType: 'tvl_change', reaches: true });
    const verdicts = (body['subscriptions'] as Message[]).map(({ failed }) => failed);
    expect(verdicts).toEqual([null, 'eventTypes', 'protocols', 'threshold', 'chains', 'range', 'subscribed_later']);
    const { eventId } = data as { eventId: string };
    expect((await call(alice, 'GET', `/explain?connection=${id}&eventId=${eventId}`)).body).toEqual(body);
  });

  it('reports that an event was not delivered if no subscription matches', async () => {
    const { client, id } = await connect(alice);
    const { cursor } = await client.ask({ type: 'subscribe', channels: ['alerts'] }, 'subscription_result');
    await market.price('explained-coin', 1);
    await market.price('explained-coin', 2);
    const event = await waitFor(async () => {
      const { data } = (await (
        await fetch(`${app.url}/v1/events?since=${String(cursor)}`, { headers: { authorization: `Bearer ${alice}` } })
      ).json()) as { data: { cursor: string }[] };
      return data[0];
    });
    const { body } = await call(alice, 'GET', `/explain?connection=${id}&cursor=${event.cursor}`);
    expect(body).toMatchObject({ reaches: false, summary: 'None of 1 subscriptions matches.' });
    expect(client.named('price_update')).toEqual([]);
  });

  it.each([
    ['neither a cursor nor an id', '', 400],
    ['a cursor and an id', '&cursor=a-00000000001&eventId=019a9a3e-5c00-7000-8000-000000000001', 400],
    ['a text that is not a cursor', '&cursor=rubbish', 404],
    ['a cursor of another log', '&cursor=zzzz-00000000001', 404],
    ['a text that is not an id', '&eventId=rubbish', 400],
    ['an unknown id', '&eventId=019a9a3e-5c00-7000-8000-000000000001', 404],
  ])('returns 400 or 404 for an invalid request: %s', async (_, query, status) => {
    const { id } = await connect(alice);
    expect((await call(alice, 'GET', `/explain?connection=${id}${query}`)).status).toBe(status);
  });
});

describe('announcements', () => {
  it('are sent to everyone, a user or a room, and are recorded in the audit trail', async () => {
    const [one, two] = await Promise.all([connect(alice), connect(bob)]);
    await one.client.ask({ type: 'subscribe', channels: ['events:protocol:aave-v3'] }, 'subscription_confirmed');
    const say = async (body: object) => (await call(app.adminKey, 'POST', '/announcements', body)).body['delivered'];
    expect(await say({ message: 'all' })).toBe(2);
    expect(await say({ message: 'to bob', userId: 'bob' })).toBe(1);
    expect(await say({ message: 'to the room', room: 'events:protocol:aave-v3' })).toBe(1);
    expect(await say({ message: 'to the protocol', room: 'protocol:aave-v3' })).toBe(1);
    expect(await say({ message: 'to nobody', userId: 'nobody' })).toBe(0);
    await two.client.next('system_announcement');
    await two.client.next('system_announcement');
    const heard = (client: PlainClient) =>
      client.named('system_announcement').map(({ data }) => (data as { message: string }).message);
    await waitFor(() => heard(one.client).length === 3);
    expect(heard(one.client)).toEqual(['all', 'to the room', 'to the protocol']);
    expect(heard(two.client)).toEqual(['all', 'to bob']);
    const { rows } = await app.db.pool.query(`SELECT 1 FROM audit_log WHERE action = 'announcement.send'`);
    expect(rows).toHaveLength(5);
  });

  it('are refused without admin rights, without a message or with two audiences', async () => {
    expect((await call(alice, 'POST', '/announcements', { message: 'x' })).status).toBe(403);
    for (const body of [
      {},
      { message: '' },
      { message: 'x'.repeat(2_001) },
      { message: 'x', userId: 'a', room: 'b' },
    ]) {
      expect((await call(app.adminKey, 'POST', '/announcements', body)).status).toBe(400);
    }
  });
});

describe('an admin', () => {
  it('finds connections by key, address, transport and text, and sends one a message', async () => {
    const [key, other] = [await app.key({ userId: 'sought' }), await app.key({ userId: 'sought' })];
    const keyId = key.split('_')[1] ?? '';
    const { client, id: connectionId } = await connect(key);
    const { client: bystander } = await connect(other);
    for (const query of [
      `key=${keyId}`,
      'transport=websocket&userId=sought&limit=1000',
      'address=127.0.0.1',
      'text=SOUGHT',
    ]) {
      expect(idsOf(await call(app.adminKey, 'GET', `/connections?${query}`))).toContain(connectionId);
    }
    expect(idsOf(await call(app.adminKey, 'GET', `/connections?key=${keyId}`))).toEqual([connectionId]);
    for (const query of ['transport=sse', 'address=192.0.2.9', 'text=nobody-has-this', 'key=nobody']) {
      expect(idsOf(await call(app.adminKey, 'GET', `/connections?${query}`))).toEqual([]);
    }
    expect((await call(app.adminKey, 'GET', '/connections?transport=pigeon')).status).toBe(400);
    const announced = await call(app.adminKey, 'POST', '/announcements', { message: 'you there', connectionId });
    expect(announced).toMatchObject({ status: 202, body: { delivered: 1 } });
    expect(await client.next('system_announcement')).toMatchObject({ data: { message: 'you there' } });
    expect(bystander.named('system_announcement')).toEqual([]);
    const both = { message: 'x', connectionId, userId: 'sought' };
    expect((await call(app.adminKey, 'POST', '/announcements', both)).status).toBe(400);
  });

  it('closes a connection so that the client reconnects, or permanently', async () => {
    const key = await app.key({ userId: 'cut' });
    const socket = io(`${app.url}/v1/realtime`, { auth: { apiKey: key }, forceNew: true, reconnectionDelay: 50 });
    const connected = () => new Promise<{ connectionId: string }>((resolve) => socket.once('connected', resolve));
    const { connectionId } = await connected();
    const back = connected();
    expect((await call(app.adminKey, 'DELETE', `/connections/${connectionId}`)).status).toBe(204);
    const { connectionId: second } = await back;
    expect(second).not.toBe(connectionId);
    const ended = new Promise((resolve) => socket.once('disconnect', resolve));
    expect((await call(app.adminKey, 'DELETE', `/connections/${second}?final=true`)).status).toBe(204);
    expect(await ended).toBe('io server disconnect');
    const refused = new Promise<Error>((resolve) => socket.once('connect_error', resolve));
    socket.connect();
    expect((await refused).message).toBe('forbidden');
    socket.disconnect();
  });

  it('changes the tier of a key without closing its connections', async () => {
    const key = await app.key({ userId: 'promoted', tier: 'free' });
    const { client } = await connect(key);
    expect(client.messages[0]).toMatchObject({ limits: { connections: 5 }, expiresInMs: null });
    const answer = await fetch(`${app.url}/v1/admin/api-keys/${key.split('_')[1]}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${app.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ tier: 'pro' }),
    });
    expect(answer.status).toBe(200);
    await waitFor(() => client.named('connected').length === 2);
    expect(client.named('connected').at(-1)).toMatchObject({ limits: { connections: 50 } });
  });
});
