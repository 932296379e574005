import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Pods } from '../../../src/platform/redis/pods.js';
import { RedisConnections } from '../../../src/platform/redis/redis-connections.js';
import { ConnectionRegistry } from '../../../src/realtime/registry/connection-registry.js';
import { RegistryCleaner } from '../../../src/realtime/registry/registry-cleaner.js';
import { createTestApp, type TestApp } from '../../support/servers/create-test-app.js';
import { PlainClient } from '../../support/clients/plain-client.js';
import { startRedis, startRedisCluster, type TestRedis } from '../../support/servers/redis-server.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';

let redis: TestRedis;
let db: TestDatabase;
let one: TestApp;
let two: TestApp;
let key: string;

const start = (): Promise<TestApp> => createTestApp({ db, settings: { REDIS_URL: redis.url, KEY_PREFIX: 't:' } });
beforeAll(async () => {
  [redis, db] = await Promise.all([startRedis(), createTestDatabase()]);
  one = await start();
  two = await start();
  key = await one.key({ userId: 'alice' });
});
afterAll(async () => {
  await Promise.all([one.close(), two.close()]);
  await Promise.all([db.drop(), redis.close()]);
});

const members = async (set: string): Promise<string[]> => (await redis.call('SMEMBERS', `t:${set}`)) as string[];
const shows = (set: string, ...ids: string[]) =>
  waitFor(async () => (await members(set)).sort().join() === ids.sort().join(), { what: `${ids.join()} in ${set}` });
const idOf = (client: PlainClient): string => String(client.messages[0]?.['connectionId']);

/** Simulates a killed process: it sends nothing more to Redis, not even that it leaves. */
function silence(app: TestApp): void {
  const registry = app.nest.get(ConnectionRegistry);
  registry.onApplicationShutdown();
  void app.nest.get(RegistryCleaner).onApplicationShutdown();
  app.nest.get(Pods).onApplicationShutdown();
  app.nest.get(RedisConnections).onApplicationShutdown();
}

describe('the connection registry', () => {
  it('contains connections of every process with users and rooms, until the connections end', async () => {
    const [a, b] = [await PlainClient.connect(one.url, key), await PlainClient.connect(two.url, key)];
    await shows('ws:connections', idOf(a), idOf(b));
    await shows('user_connections:alice', idOf(a), idOf(b));
    await a.ask({ type: 'subscribe', channels: ['events:protocol:aave-v3'] }, 'subscription_confirmed');
    await shows('room:events:protocol:aave-v3', idOf(a));
    await shows('room:protocol:aave-v3', idOf(a));
    const record = JSON.parse(String(await redis.call('GET', `t:connection:${idOf(a)}`))) as object;
    expect(record).toMatchObject({ connectionId: idOf(a), userId: 'alice', transport: 'websocket', subscriptions: 1 });
    for (const name of [`connection:${idOf(a)}`, 'user_connections:alice', 'ws:connections', 'room:protocol:aave-v3']) {
      expect(Number(await redis.call('TTL', `t:${name}`))).toBeGreaterThan(0);
    }
    await a.ask({ type: 'unsubscribe', channels: ['events:protocol:aave-v3'] }, 'unsubscription_result');
    await shows('room:protocol:aave-v3');
    await a.close();
    await shows('ws:connections', idOf(b));
    expect(await redis.call('EXISTS', `t:connection:${idOf(a)}`)).toBe(0);
    await b.close();
    await shows('user_connections:alice');
  });

  it('is complete again after Redis lost all data', async () => {
    const client = await PlainClient.connect(one.url, key);
    await shows('ws:connections', idOf(client));
    await redis.restart({ empty: true });
    await shows('ws:connections', idOf(client));
    expect(await redis.call('EXISTS', `t:connection:${idOf(client)}`)).toBe(1);
    await client.close();
    await shows('ws:connections');
  });

  it('is cleaned up by another process after a process died', async () => {
    const dead = await start();
    const [lost, kept] = [await PlainClient.connect(dead.url, key), await PlainClient.connect(one.url, key)];
    await lost.ask({ type: 'subscribe', channels: ['tvl'] }, 'subscription_result');
    await shows('ws:connections', idOf(lost), idOf(kept));
    await shows('room:tvl', idOf(lost));
    silence(dead);
    const pod = dead.nest.get(Pods).id;
    await waitFor(async () => (await one.nest.get(Pods).silentFor(1_500)).includes(pod));
    await one.nest.get(RegistryCleaner).clean(1_500);
    expect(await members('ws:connections')).toEqual([idOf(kept)]);
    expect(await members('user_connections:alice')).toEqual([idOf(kept)]);
    expect(await members('room:tvl')).toEqual([]);
    expect(await redis.call('EXISTS', `t:connection:${idOf(lost)}`, `t:pod_connections:${pod}`)).toBe(0);
    expect(await one.nest.get(Pods).silentFor(0)).not.toContain(pod);
    await Promise.all([lost.close(), kept.close()]);
    await dead.close();
  });

  it('contains nothing of a process that stopped gracefully', async () => {
    const leaving = await start();
    const client = await PlainClient.connect(leaving.url, key);
    await shows('user_connections:alice', idOf(client));
    await leaving.close();
    expect(await members('user_connections:alice')).toEqual([]);
    expect(await redis.call('EXISTS', `t:pod_connections:${leaving.nest.get(Pods).id}`)).toBe(0);
  });

  it('is cleaned up despite invalid entries', async () => {
    await redis.call('ZADD', 't:{pods}:seen', String(Date.now() - 70_000), 'ghost');
    await redis.call(
      'HSET',
      't:pod_connections:ghost',
      'c1',
      'no json',
      'c2',
      '[]',
      'c3',
      '{"userId":7,"rooms":[1,"r"]}',
    );
    await redis.call('SADD', 't:room:r', 'c3');
    await one.nest.get(RegistryCleaner).clean(60_000);
    expect(await members('room:r')).toEqual([]);
    expect(await redis.call('EXISTS', 't:pod_connections:ghost')).toBe(0);
  });
});

describe('the connection registry on a Redis Cluster', () => {
  it('contains a connection until the connection ends', async () => {
    const cluster = await startRedisCluster();
    const app = await createTestApp({ db, settings: { REDIS_URL: cluster.url } });
    onTestFinished(() => cluster.close());
    onTestFinished(() => app.close());
    const connections = app.nest.get(RedisConnections);
    await waitFor(() => connections.state === 'up');
    const client = await PlainClient.connect(app.url, key);
    await client.ask({ type: 'subscribe', channels: ['events:protocol:aave-v3'] }, 'subscription_confirmed');
    const ids = () =>
      Promise.all(
        ['ws:connections', 'user_connections:alice', 'room:protocol:aave-v3'].map((set) =>
          connections.commands().smembers(set),
        ),
      );
    const id = idOf(client);
    await waitFor(async () => JSON.stringify(await ids()) === JSON.stringify([[id], [id], [id]]));
    expect(await connections.commands().exists(`connection:${id}`)).toBe(1);
    await client.close();
    await waitFor(async () => JSON.stringify(await ids()) === '[[],[],[]]');
    expect(await connections.commands().exists(`connection:${id}`)).toBe(0);
  });
});
