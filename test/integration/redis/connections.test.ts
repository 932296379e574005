import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { RedisConnections, type RedisState } from '../../../src/platform/redis/redis-connections.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import { createTestApp } from '../../support/servers/create-test-app.js';
import { startRedis, type TestRedis } from '../../support/servers/redis-server.js';
import { waitFor } from '../../support/wait-for.js';

describe('RedisConnections', () => {
  let redis: TestRedis;
  let connections: RedisConnections | undefined;
  let metrics: Metrics;

  beforeEach(async () => {
    redis = await startRedis();
    metrics = new Metrics();
  });

  afterEach(async () => {
    connections?.onApplicationShutdown();
    await redis.close();
  });

  async function open(env: Record<string, string> = {}): Promise<RedisConnections> {
    connections = await RedisConnections.open(parseSettings({ REDIS_URL: redis.url, ...env }), metrics);
    return connections;
  }

  const isState = (state: RedisState) => waitFor(() => connections?.state === state, { what: `state ${state}` });

  it('is off and has no clients without `REDIS_URL`', async () => {
    const none = await RedisConnections.open(parseSettings({}), metrics);
    expect([none.configured, none.state]).toEqual([false, 'off']);
    expect(() => none.commands()).toThrow(/REDIS_URL is not set/);
    none.onApplicationShutdown();
  });

  it('is up after opening, and uses the key prefix and the chosen database', async () => {
    const up = await open({ REDIS_URL: `${redis.url}/3`, KEY_PREFIX: 'blue:' });
    expect([up.state, up.clustered, up.key('a')]).toEqual(['up', false, 'blue:a']);
    await up.commands().set(up.key('a'), 'b');
    expect(await redis.call('GET', 'blue:a')).toBeNull();
    expect(await up.commands().get('blue:a')).toBe('b');
    expect(await metrics.registry.getSingleMetricAsString('redis_state')).toContain('redis_state 1');
  });

  it('fails commands at once during an outage, and restores subscriptions afterwards', async () => {
    const held = await open();
    const states: RedisState[] = [];
    held.onState((state) => states.push(state));
    const heard: string[] = [];
    held.subscriber().on('message', (_, text: string) => heard.push(text));
    await held.subscriber().subscribe('news');
    await redis.stop();
    await isState('unavailable');
    await expect(held.commands().get('a')).rejects.toThrow(/isn't writeable|closed/);
    expect(await metrics.registry.getSingleMetricAsString('redis_state')).toContain('redis_state 0');
    await redis.start();
    await isState('up');
    await waitFor(async () => {
      await held.commands().publish('news', 'back');
      return heard.includes('back');
    });
    expect(states).toEqual(['unavailable', 'up']);
  });

  it('opens during an outage, and connects when Redis starts', async () => {
    await redis.stop();
    const late = await open();
    expect(late.state).toBe('unavailable');
    const subscribed = late.subscriber().subscribe('news');
    await redis.start();
    await isState('up');
    await subscribed;
    expect(await redis.call('PUBLISH', 'news', 'x')).toBe(1);
  });

  it('detects a hanging server although its connections stay open', async () => {
    const held = await open();
    redis.pause();
    await isState('unavailable');
    redis.resume();
    await isState('up');
    expect(await held.commands().ping()).toBe('PONG');
  });

  it('leaves a server that became a replica, and reports why writes are refused', async () => {
    const held = await open();
    await held.subscriber().subscribe('news');
    const states: RedisState[] = [];
    held.onState((state) => states.push(state));
    await redis.call('REPLICAOF', '127.0.0.1', '1');
    await isState('unavailable');
    expect(held.refusal).toContain('READONLY');
    await redis.call('REPLICAOF', 'NO', 'ONE');
    await isState('up');
    await redis.call('CONFIG', 'SET', 'maxmemory', '1');
    await waitFor(() => held.refusal?.startsWith('OOM') === true);
    expect(await metrics.registry.getSingleMetricAsString('redis_state')).toContain('redis_state 0');
    await redis.call('CONFIG', 'SET', 'maxmemory', '0');
    await waitFor(() => held.refusal === undefined);
    // Messages continue to be delivered.
    expect(states).toEqual(['unavailable', 'up']);
    expect(await redis.call('DBSIZE')).toBe(0);
  });

  it('subscribes again after its subscriptions were cut', async () => {
    const held = await open();
    await held.subscriber().subscribe('news');
    const states: RedisState[] = [];
    held.onState((state) => states.push(state));
    await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await waitFor(() => states.length === 2);
    expect(states).toEqual(['unavailable', 'up']);
    await waitFor(async () => (await redis.call('PUBLISH', 'news', 'x')) === 1);
  });

  it('makes the service degraded, but ready, while Redis is unavailable', async () => {
    const app = await createTestApp({ settings: { REDIS_URL: redis.url } });
    const ready = async () => {
      const answer = await fetch(`${app.url}/health/ready`);
      return { status: answer.status, body: await answer.json() };
    };
    try {
      expect(await ready()).toMatchObject({ status: 200, body: { details: { redis: { status: 'up' } } } });
      await redis.stop();
      await waitFor(async () => JSON.stringify(await ready()).includes('degraded'));
      expect(await ready()).toMatchObject({
        status: 200,
        body: { status: 'degraded', details: { redis: { status: 'degraded' } } },
      });
      await redis.start();
      await waitFor(async () => !JSON.stringify(await ready()).includes('degraded'));
    } finally {
      await app.close();
    }
  });
});
