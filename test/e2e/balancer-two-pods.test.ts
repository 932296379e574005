import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { RedisConnections } from '../../src/platform/redis/redis-connections.js';
import { Metrics } from '../../src/platform/metrics/metrics.js';
import { parseSettings } from '../../src/platform/settings/settings.js';
import { redisRooms } from '../../src/realtime/transports/socketio/redis-rooms.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { startRedisOfSuite } from '../support/servers/redis-of-suite.js';
import type { TestRedis } from '../support/servers/redis-server.js';
import { createTestDatabase, type TestDatabase } from '../support/servers/test-database.js';
import { waitFor } from '../support/wait-for.js';

let db: TestDatabase;
let redis: TestRedis;
let here: TestApp;
let there: TestApp;

beforeAll(async () => {
  db = await createTestDatabase();
  redis = await startRedisOfSuite();
  here = await createTestApp({ db, settings: { REDIS_URL: redis.url, POD_ID: 'here' } });
  there = await createTestApp({ db, settings: { REDIS_URL: redis.url, POD_ID: 'there' } });
});

afterAll(async () => {
  await there?.close();
  await here?.close();
  await redis?.close();
  await db?.drop();
});

/** Messages that a client of one transport received, and whether it is still connected. */
interface Ears {
  heard: string[];
  ready: boolean;
  ended: boolean;
  leave(): void;
}

function overSocketIo(app: TestApp, apiKey: string): Ears & { socket: Socket } {
  const socket = io(`${app.url}/v1/realtime`, { auth: { apiKey }, forceNew: true });
  const heard: string[] = [];
  const ears = { heard, ready: false, ended: false, socket, leave: () => socket.disconnect() };
  socket.on('connect', () => {
    socket.emit('subscribe', { type: 'channel', channel: 'events:tvl' }, () => (ears.ready = true));
  });
  socket.on('system_announcement', ({ message }: { message: string }) => heard.push(message));
  socket.on('disconnect', () => (ears.ended = true));
  return ears;
}

function overWebSocket(app: TestApp, apiKey: string): Ears {
  const socket = new WebSocket(`${app.url.replace('http', 'ws')}/ws?apiKey=${apiKey}`);
  const ears: Ears = {
    heard: [],
    ready: false,
    ended: false,
    leave: () => socket.terminate(),
  };
  socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', channels: ['events:tvl'] })));
  socket.on('message', (data) => {
    const text = (data as Buffer).toString();
    const message = JSON.parse(text) as { type: string };
    if (message.type === 'subscription_confirmed') ears.ready = true;
    if (message.type === 'system_announcement') ears.heard.push(text);
  });
  socket.on('close', () => (ears.ended = true));
  return ears;
}

function overSse(app: TestApp, apiKey: string): Ears {
  const abort = new AbortController();
  const ears: Ears = { heard: [], ready: false, ended: false, leave: () => abort.abort() };
  const follow = async (): Promise<void> => {
    const answer = await fetch(`${app.url}/v1/stream?channels=events:tvl&apiKey=${apiKey}`, { signal: abort.signal });
    for await (const chunk of answer.body as ReadableStream<Uint8Array>) {
      const text = new TextDecoder().decode(chunk);
      if (text.includes('event: ready')) ears.ready = true;
      if (text.includes('event: system_announcement')) ears.heard.push(text);
    }
  };
  void follow()
    .catch(() => undefined)
    .finally(() => (ears.ended = true));
  return ears;
}

async function everyTransport(app: TestApp, apiKey: string): Promise<Ears[]> {
  const all = [overSocketIo(app, apiKey), overWebSocket(app, apiKey), overSse(app, apiKey)];
  await waitFor(() => all.every(({ ready }) => ready), { what: 'every transport' });
  return all;
}

function call(app: TestApp, method: string, path: string, body?: object): Promise<Response> {
  return fetch(`${app.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${app.adminKey}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
}

test.each([
  ['everyone', {}],
  ['a user', { userId: 'far-away' }],
  ['a room', { room: 'events:tvl' }],
])('an announcement to %s reaches all transports of the other pod', async (audience, body) => {
  const clients = await everyTransport(there, await here.key({ userId: 'far-away' }));
  const message = `hello ${audience}`;
  const answer = await call(here, 'POST', '/v1/realtime/announcements', { message, ...body });
  expect(answer.status).toBe(202);
  await waitFor(() => clients.every(({ heard }) => heard.some((text) => text.includes(message))));
  expect(clients.map(({ heard }) => heard.length)).toEqual([1, 1, 1]);
  for (const client of clients) client.leave();
});

test('a key revoked on one pod ends its own connections of all transports on the other pod', async () => {
  const key = await here.key();
  const [leaving, staying] = [await everyTransport(there, key), await everyTransport(there, await here.key())];
  const id = key.split('_')[1] ?? '';
  expect((await call(here, 'DELETE', `/v1/admin/api-keys/${id}`)).status).toBe(204);
  await waitFor(() => leaving.every(({ ended }) => ended), { timeoutMs: 5_000 });
  expect(staying.map(({ ended }) => ended)).toEqual([false, false, false]);
  for (const client of [...leaving, ...staying]) client.leave();
});

test('a Socket.IO client that reconnects to another pod keeps subscriptions and missed events', async () => {
  const market = new MarketWriter(db.pool);
  await market.tvl('moving', 'ethereum', 100);
  const socket = io(`${here.url}/v1/realtime`, { auth: { apiKey: await here.key() }, reconnectionDelay: 50 });
  const seen: number[] = [];
  socket.on('tvl_change', ({ currentTvl }: { currentTvl: number }) => seen.push(currentTvl));
  const query = { dataset: 'tvl', filters: { protocols: ['moving'] } };
  await socket.emitWithAck('subscribe', [
    { type: 'protocol', protocol: 'moving' },
    { type: 'query', query },
  ]);
  await market.tvl('moving', 'ethereum', 200);
  await waitFor(() => seen.length === 1);
  Reflect.set(socket.io, 'uri', there.url);
  const back = new Promise<Record<string, unknown>>((resolve) => socket.once('resumed', resolve));
  socket.io.engine.close();
  await market.tvl('moving', 'ethereum', 400);
  expect(await back).toMatchObject({ recovered: true, subscriptions: [{ type: 'protocol' }, { type: 'query' }] });
  await market.tvl('moving', 'ethereum', 800);
  await waitFor(() => seen.includes(800));
  expect(seen).toEqual([200, 400, 800]);
  socket.disconnect();
});

/** Another Socket.IO server on the same Redis, like a tool of an operator. */
async function thirdServer(): Promise<{ rooms: ReturnType<Server['of']>; close(): Promise<void> }> {
  const settings = parseSettings({
    DATABASE_URL: 'postgres://unused',
    SECRETS_KEY: 'a key that only tests use',
    REDIS_URL: redis.url,
  });
  const connections = await RedisConnections.open(settings, new Metrics());
  const server = new Server(createServer(), { adapter: redisRooms(connections) });
  const rooms = server.of('/v1/realtime');
  await waitFor(async () => (await rooms.adapter.serverCount()) === 3);
  return {
    rooms,
    close: async () => {
      await server.close();
      connections.onApplicationShutdown();
    },
  };
}

test('Socket.IO sockets of all pods are listed without keys and can be disconnected by room', async () => {
  const key = await here.key({ userId: 'roomy' });
  const [one, two] = [overSocketIo(here, key), overSocketIo(there, key)];
  await waitFor(() => one.ready && two.ready);
  const third = await thirdServer();
  try {
    const found = await third.rooms.in('user:roomy').fetchSockets();
    expect(new Set(found.map(({ id }) => id))).toEqual(new Set([one.socket.id, two.socket.id]));
    expect(JSON.stringify(found.map(({ handshake, data }) => [handshake, data as object]))).not.toContain(key);
    third.rooms.in('user:roomy').disconnectSockets(true);
    await waitFor(() => one.ended && two.ended);
  } finally {
    await third.close();
  }
});

test('Socket.IO rooms reach all pods again after a Redis outage', async () => {
  const client = overSocketIo(there, await here.key({ userId: 'patient' }));
  const third = await thirdServer();
  try {
    await waitFor(() => client.ready);
    await redis.kill();
    // The test run would end if this failed publication caused an unhandled rejection.
    third.rooms.to('user:patient').emit('system_announcement', { message: 'lost', timestamp: '' });
    await expect(third.rooms.fetchSockets()).rejects.toBeInstanceOf(Error);
    await redis.start();
    await waitFor(async () => (await third.rooms.adapter.serverCount()) === 3, { timeoutMs: 15_000 });
    third.rooms.to('user:patient').emit('system_announcement', { message: 'found', timestamp: '' });
    await waitFor(() => client.heard.includes('found'));
    expect(client.heard).toEqual(['found']);
    expect(client.ended).toBe(false);
  } finally {
    client.leave();
    await third.close();
  }
});
