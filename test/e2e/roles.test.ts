import { once } from 'node:events';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Sequencer } from '../../src/events/capture/sequencer.js';
import { LANE_PROCESSORS } from '../../src/notifications/deliveries/lane-processors.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { startRedisOfSuite } from '../support/servers/redis-of-suite.js';
import type { TestRedis } from '../support/servers/redis-server.js';
import { createTestDatabase, type TestDatabase } from '../support/servers/test-database.js';
import { waitFor } from '../support/wait-for.js';

let db: TestDatabase;
let redis: TestRedis;
let gateway: TestApp;
let worker: TestApp | undefined;

beforeAll(async () => {
  db = await createTestDatabase();
  redis = await startRedisOfSuite();
  gateway = await createTestApp({ db, settings: { REDIS_URL: redis.url, ROLE: 'gateway' } });
});

afterAll(async () => {
  await worker?.close();
  await gateway?.close();
  await redis?.close();
  await db?.drop();
});

const waiting = async (): Promise<number> =>
  (await db.pool.query<{ count: number }>('SELECT count(*) FROM change_outbox')).rows[0]?.count ?? 0;

test('a gateway serves clients; only a worker runs the sequencer and the jobs', async () => {
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/ws?apiKey=${await gateway.key()}`);
  const heard: string[] = [];
  socket.on('message', (data) => heard.push((data as Buffer).toString()));
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'subscribe', channels: ['events:prices'] }));
  await waitFor(() => heard.some((text) => text.includes('subscription_confirmed')));
  for (const price of [7, 70]) await new MarketWriter(db.pool).price('token-of-roles', price);
  expect(await waiting()).toBeGreaterThan(0);
  worker = await createTestApp({ db, settings: { REDIS_URL: redis.url, ROLE: 'worker' } });
  await waitFor(() => heard.some((text) => text.includes('token-of-roles')));
  expect([gateway, worker].map(({ nest }) => nest.get(Sequencer).leading)).toEqual([false, true]);
  for (const processor of LANE_PROCESSORS) {
    expect(() => gateway.nest.get(processor)).toThrow('could not find');
    expect(worker.nest.get(processor).worker.isRunning()).toBe(true);
  }
  await waitFor(async () => (await db.pool.query('SELECT FROM published_values')).rowCount === 1);
  socket.terminate();
});

test('a worker refuses clients of every transport as `unavailable`', async () => {
  worker ??= await createTestApp({ db, settings: { REDIS_URL: redis.url, ROLE: 'worker' } });
  const key = await gateway.key();

  const stream = await fetch(`${worker.url}/v1/stream?channels=events:tvl&apiKey=${key}`);
  expect([stream.status, await stream.text()]).toEqual([200, expect.stringContaining('"code":"unavailable"')]);

  const socket = io(`${worker.url}/v1/realtime`, { auth: { apiKey: key }, forceNew: true, reconnection: false });
  const error = await new Promise<Error & { data?: unknown }>((resolve) => socket.once('connect_error', resolve));
  // A refusal with data would be final for the library; the HTTP status of the handshake is not.
  expect(error.data).toBeUndefined();
  socket.disconnect();
  const handshake = await fetch(`${worker.url}/socket.io/?EIO=4&transport=polling`);
  expect([handshake.status, await handshake.json()]).toMatchObject([503, { code: 'unavailable' }]);

  const plain = new WebSocket(`${worker.url.replace('http', 'ws')}/ws?apiKey=${key}`);
  const answers: string[] = [];
  plain.on('message', (data) => answers.push((data as Buffer).toString()));
  plain.on('error', (reason) => answers.push(String(reason)));
  await once(plain, 'close');
  expect(answers.join()).toMatch(/unavailable|503/);
});
