import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Pods } from '../../src/platform/redis/pods.js';
import { RedisConnections } from '../../src/platform/redis/redis-connections.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { PlainClient, type Message } from '../support/clients/plain-client.js';
import { startRedisOfSuite } from '../support/servers/redis-of-suite.js';
import type { TestRedis } from '../support/servers/redis-server.js';
import { createTestDatabase, type TestDatabase } from '../support/servers/test-database.js';
import { waitFor } from '../support/wait-for.js';

type Answer = { status: number; body: Record<string, unknown> };

let redis: TestRedis;
let db: TestDatabase;
let one: TestApp;
let two: TestApp;
let alice: string;
let bob: string;
const clients: PlainClient[] = [];

const start = (): Promise<TestApp> => createTestApp({ db, settings: { REDIS_URL: redis.url } });
const know = (app: TestApp, ...others: TestApp[]) =>
  waitFor(() => others.every((other) => app.nest.get(Pods).others.includes(other.nest.get(Pods).id)));

beforeAll(async () => {
  [redis, db] = await Promise.all([startRedisOfSuite(), createTestDatabase()]);
  one = await start();
  two = await start();
  [alice, bob] = await Promise.all([one.key({ userId: 'alice' }), one.key({ userId: 'bob' })]);
  await Promise.all([know(one, two), know(two, one)]);
});
afterAll(async () => {
  await Promise.all([one.close(), two.close()]);
  await Promise.all([db.drop(), redis.close()]);
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map(async (client) => client.close()));
  await waitFor(async () => idsOf(await call(two, two.adminKey, 'GET', '/connections')).length === 0, {
    what: 'an empty house',
  });
});

async function call(app: TestApp, key: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const answer = await fetch(`${app.url}/v1/realtime${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
}

async function connect(app: TestApp, key: string): Promise<{ client: PlainClient; id: string }> {
  const client = await PlainClient.connect(app.url, key);
  clients.push(client);
  return { client, id: String(client.messages[0]?.['connectionId']) };
}

const idsOf = ({ body }: Answer): string[] =>
  (body['data'] as Message[]).map(({ connectionId }) => String(connectionId)).sort();

/** Simulates a killed process: it sends nothing more to Redis. */
function silence(app: TestApp): void {
  app.nest.get(Pods).onApplicationShutdown();
  app.nest.get(RedisConnections).onApplicationShutdown();
}

describe('a connection of another process', () => {
  it('is returned and closed through any process', async () => {
    const { client, id } = await connect(one, alice);
    const seen = await call(two, alice, 'GET', `/connections/${id}`);
    expect(seen).toEqual(await call(one, alice, 'GET', `/connections/${id}`));
    expect(seen).toMatchObject({ status: 200, body: { connectionId: id, userId: 'alice', transport: 'websocket' } });
    expect((await call(two, alice, 'DELETE', `/connections/${id}`)).status).toBe(204);
    expect(await client.next('error')).toMatchObject({ error: { retryable: true }, cursor: expect.any(String) });
    await client.closed;
    expect((await call(two, alice, 'GET', `/connections/${id}`)).body['code']).toBe('not_found');
  });

  it('has its subscriptions added, changed and removed through any process', async () => {
    const { client, id } = await connect(one, alice);
    const path = `/connections/${id}/subscriptions`;
    const market = new MarketWriter(db.pool);
    await market.price('far-coin', 100);
    expect(await call(two, alice, 'POST', path, { type: 'price_changes', tokens: ['far-coin'] })).toMatchObject({
      status: 201,
      body: { subscriptions: [{ tokens: ['far-coin'] }] },
    });
    await market.price('far-coin', 110);
    const { cursor } = await client.next('price_update');
    expect(await call(two, alice, 'GET', `/explain?connection=${id}&cursor=${String(cursor)}`)).toMatchObject({
      status: 200,
      body: { connectionId: id, reaches: true },
    });
    const change = { type: 'price_changes', tokens: ['far-coin'], threshold: 0.5 };
    expect(await call(two, alice, 'PATCH', path, change)).toMatchObject({
      body: { subscriptions: [{ threshold: 0.5 }] },
    });
    expect((await call(two, alice, 'GET', path)).body['data']).toMatchObject([{ threshold: 0.5 }]);
    expect((await call(two, alice, 'DELETE', `${path}?type=price_changes`)).body['removed']).toHaveLength(1);
    const refused = await call(two, alice, 'POST', path, { type: 'everything' });
    expect([refused.status, refused.body['code']]).toEqual([400, 'invalid_request']);
    const forbidden = await call(two, alice, 'POST', path, { type: 'alerts', all: true });
    expect([forbidden.status, forbidden.body['code']]).toEqual([403, 'forbidden']);
  });

  it('is not found by other users through any route', async () => {
    const { id } = await connect(one, bob);
    const path = `/connections/${id}`;
    const answers = await Promise.all([
      call(two, alice, 'GET', path),
      call(two, alice, 'DELETE', path),
      call(two, alice, 'GET', `${path}/subscriptions`),
      call(two, alice, 'POST', `${path}/subscriptions`, { type: 'tvl_changes' }),
      call(two, alice, 'PATCH', `${path}/subscriptions`, {}),
      call(two, alice, 'DELETE', `${path}/subscriptions`),
      call(two, alice, 'GET', `/explain?connection=${id}&cursor=x-00000000001`),
      call(two, alice, 'GET', '/connections/nobody'),
    ]);
    expect(answers.map(({ status, body }) => `${status} ${String(body['code'])}`)).toEqual(
      answers.map(() => '404 not_found'),
    );
    expect(idsOf(await call(two, alice, 'GET', '/connections'))).toEqual([]);
    expect(idsOf(await call(two, alice, 'GET', '/connections?userId=bob'))).toEqual([]);
    expect((await call(one, bob, 'GET', path)).status).toBe(200);
  });
});

describe('requests for all processes', () => {
  it('list every connection exactly once across pages', async () => {
    const all = await Promise.all([one, two, one, two, one].map(async (app) => (await connect(app, alice)).id));
    const listed: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: Answer = await call(two, alice, 'GET', `/connections?limit=2${cursor && `&cursor=${cursor}`}`);
      listed.push(...idsOf(page));
      cursor = (page.body['page'] as { next_cursor: string | null }).next_cursor;
    }
    expect(listed).toEqual(all.sort());
  });

  it('count connections and subscriptions of all processes', async () => {
    const [near, far] = [await connect(two, alice), await connect(one, alice)];
    await far.client.ask({ type: 'subscribe', channels: ['tvl', 'prices'] }, 'subscription_result');
    await near.client.ask({ type: 'subscribe', channels: ['tvl'] }, 'subscription_result');
    await connect(one, bob);
    const { body } = await call(two, alice, 'GET', '/subscription-stats');
    expect(body).toMatchObject({
      connections: { total: 2, websocket: 2, socketio: 0, sse: 0 },
      subscriptions: 3,
      byName: { tvl: 2, prices: 1 },
      cursor: expect.any(String),
    });
    expect((await call(one, one.adminKey, 'GET', '/subscription-stats')).body).toMatchObject({
      connections: { total: 3 },
    });
  });

  it('send an announcement to all processes and return the number of receivers', async () => {
    const [near, far] = [await connect(two, alice), await connect(one, bob)];
    const say = async (body: object) =>
      (await call(two, two.adminKey, 'POST', '/announcements', body)).body['delivered'];
    expect(await say({ message: 'all' })).toBe(2);
    expect(await say({ message: 'bob', userId: 'bob' })).toBe(1);
    await near.client.next('system_announcement');
    await far.client.next('system_announcement');
    expect(await far.client.next('system_announcement')).toMatchObject({ data: { message: 'bob' } });
  });
});

describe('limits of a key', () => {
  it('apply to all processes together', async () => {
    const key = await one.key({ limits: { connections: 3, apiRequests: 6 } });
    const opened = await Promise.all(
      [one, two, one, two, one, two].map(async (app) => {
        const client = new PlainClient(`${app.url}/ws?apiKey=${key}`);
        clients.push(client);
        return Promise.race([client.next('connected').then(() => true), client.closed.then(({ code }) => code)]);
      }),
    );
    expect(opened.filter((outcome) => outcome === true)).toHaveLength(3);
    expect(opened.filter((outcome) => outcome === 4429)).toHaveLength(3);
    const statuses: number[] = [];
    for (let n = 0; n < 8; n++) {
      const answer = await fetch(`${n % 2 ? one.url : two.url}/v1/me`, { headers: { authorization: `Bearer ${key}` } });
      statuses.push(answer.status);
    }
    expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 429, 429]);
  });
});

describe('during an outage', () => {
  it('connections of a dead process are unavailable, then unknown; others are unaffected', async () => {
    const dead = await start();
    await know(two, dead);
    const lost = await PlainClient.connect(dead.url, alice);
    const { id: kept } = await connect(one, alice);
    const lostId = String(lost.messages[0]?.['connectionId']);
    expect(idsOf(await call(two, alice, 'GET', '/connections'))).toEqual([lostId, kept].sort());
    silence(dead);
    const first = await call(two, alice, 'GET', `/connections/${lostId}`);
    expect([first.status, first.body['code']]).toEqual([503, 'unavailable']);
    expect((await call(two, alice, 'GET', `/connections/${kept}`)).status).toBe(200);
    expect(idsOf(await call(two, alice, 'GET', '/connections'))).toEqual([kept]);
    await waitFor(async () => (await call(two, alice, 'GET', `/connections/${lostId}`)).status === 404);
    expect((await call(two, alice, 'GET', '/subscription-stats')).body).toMatchObject({ connections: { total: 1 } });
    await lost.close();
    await dead.close();
  });

  it('without Redis, only the connections of the requested process are available', async () => {
    const [near, far] = [await connect(two, alice), await connect(one, alice)];
    await redis.stop();
    await waitFor(() => two.nest.get(RedisConnections).state === 'unavailable');
    expect((await call(two, alice, 'GET', `/connections/${near.id}`)).status).toBe(200);
    expect((await call(two, alice, 'GET', `/connections/${far.id}`)).status).toBe(503);
    expect(idsOf(await call(two, alice, 'GET', '/connections'))).toEqual([near.id]);
    await redis.start();
    await waitFor(async () => (await call(two, alice, 'GET', `/connections/${far.id}`)).status === 200);
    expect(idsOf(await call(two, alice, 'GET', '/connections'))).toEqual([near.id, far.id].sort());
  });
});
