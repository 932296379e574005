import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisBroker } from '../../../src/events/broker/redis-broker.js';
import type { LogEvent } from '../../../src/events/core/log-event.js';
import type { CacheRefresh } from '../../../src/events/hot-cache/cache-refresh.js';
import { cacheEntry } from '../../../src/events/hot-cache/cache-entry.js';
import { RedisCacheStore } from '../../../src/events/hot-cache/redis-cache-store.js';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { RedisConnections } from '../../../src/platform/redis/redis-connections.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import { numbered, someRows } from '../../contract/broker.contract.js';
import { testLoops } from '../../support/servers/background-loops.js';
import { startRedis, type TestRedis } from '../../support/servers/redis-server.js';
import { waitFor } from '../../support/wait-for.js';

const META = { slug: 'aave', name: 'Aave', symbol: null, category: null, chains: [], url: null, metadata: {} };

describe('RedisBroker', () => {
  let redis: TestRedis;
  const ends: (() => unknown)[] = [];

  beforeEach(async () => {
    redis = await startRedis();
  });

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    await redis.close();
  });

  async function broker(refresh: Pick<CacheRefresh, 'entries'> = { entries: () => [] }): Promise<RedisBroker> {
    const connections = await RedisConnections.open(parseSettings({ REDIS_URL: redis.url }), new Metrics());
    const made = new RedisBroker(connections, new RedisCacheStore(connections), refresh, testLoops());
    ends.push(() => connections.onApplicationShutdown());
    ends.push(() => made.close());
    return made;
  }

  /** Subscribes with a plain Redis client, as a person with redis-cli would. */
  async function stranger(listen: (client: Redis) => Promise<unknown>): Promise<[channel: string, text: string][]> {
    const client = new Redis(redis.port);
    ends.push(() => client.disconnect());
    const heard: [string, string][] = [];
    client.on('pmessage', (_pattern: string, channel: string, text: string) => heard.push([channel, text]));
    client.on('message', (channel: string, text: string) => heard.push([channel, text]));
    await listen(client);
    return heard;
  }

  const event = (fields: Partial<LogEvent>): LogEvent => ({ ...someRows(1)[0]!, ...fields });

  /** Returns how often the server ran a command, including those in scripts. */
  async function calls(command: string): Promise<number> {
    const text = String(await redis.call('INFO', 'commandstats'));
    return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(text)?.[1] ?? 0);
  }

  it('keeps rows with an owner out of Redis, but publishes that the log has more', async () => {
    const [here, there] = [await broker(), await broker()];
    const [own, others]: [number[], [number[], number | undefined][]] = [[], []];
    here.subscribe((batch) => own.push(...batch.map(({ seq }) => seq)));
    there.subscribe((batch, through) => others.push([batch.map(({ seq }) => seq), through]));
    const heard = await stranger((client) => client.psubscribe('*'));
    const alert = event({ type: 'alert', owner: 'alice', data: { message: 'only for alice' } });
    const rows = [event({ type: 'tick' }), alert, event({ type: 'tvl_change' }), alert];
    await here.publish(numbered(1, rows));
    await waitFor(() => others.length === 1 && heard.length > 0);
    expect(own).toEqual([1, 2, 3, 4]);
    expect(others).toEqual([[[1, 3], 4]]);
    expect(JSON.stringify(heard)).not.toContain('alice');
  });

  it('sends one message per batch without listeners, and fills public channels with listeners', async () => {
    const here = await broker();
    const change = event({ type: 'tvl_change', protocol: 'aave', chain: 'base', owner: null });
    let seq = 0;
    const publish = () => here.publish(numbered(++seq, [change]));
    await publish();
    const before = await calls('publish');
    for (let batch = 0; batch < 10; batch++) await publish();
    expect((await calls('publish')) - before).toBe(10);

    const everything = await stranger((client) => client.psubscribe('events:*'));
    await waitFor(async () => (await publish(), everything.length > 0), { everyMs: 50 });
    const channels = new Set(everything.map(([channel]) => channel));
    expect(channels).toEqual(
      new Set(['events:tvl', 'events:protocol:aave', 'events:chain:base', 'events:chain:base:tvl']),
    );
    expect(JSON.parse(everything[0]![1])).toMatchObject({ eventType: 'tvl_change', protocol: 'aave', chain: 'base' });
    expect(everything[0]![1]).not.toContain('"owner"');
  });

  it('sends the first event after a quiet time or a new leader to newly added listeners', async () => {
    const [here, next] = [await broker(), await broker()];
    const change = event({ type: 'price_change', token: 'bitcoin', protocol: null, chain: null });
    await here.publish(numbered(1, [change]));
    const heard = await stranger((client) => client.subscribe('events:prices'));
    // Longer than the interval of the look-up, one second.
    await sleep(1_200);
    await here.publish(numbered(2, [change]));
    await next.furthest();
    await next.publish(numbered(3, [change]));
    await waitFor(() => heard.length > 1);
    expect(heard.map(([channel]) => channel)).toEqual(['events:prices', 'events:prices']);
  });

  it('fills only the public channel that has a listener', async () => {
    const here = await broker();
    const heard = await stranger((client) => client.subscribe('events:protocol:aave'));
    let seq = 0;
    const rows = ['aave', 'lido'].map((protocol) => event({ type: 'protocol_update', protocol }));
    await waitFor(async () => (await here.publish(numbered((seq += 2), rows)), heard.length > 0), { everyMs: 50 });
    expect(new Set(heard.map(([channel]) => channel))).toEqual(new Set(['events:protocol:aave']));
    expect(heard.map(([, text]) => text).join()).not.toContain('lido');
  });

  it('needs one Redis call per batch including the cache, plus one to load the script', async () => {
    const here = await broker({
      entries: (batch) => batch.map(({ seq }) => cacheEntry(`protocol:p${seq}:meta`, META, 'e1', seq)),
    });
    await here.publish(someRows(500));
    expect([await calls('evalsha'), await calls('eval')]).toEqual([1, 1]);
    for (let batch = 1; batch <= 10; batch++) await here.publish(someRows(500, batch * 500));
    expect([await calls('evalsha'), await calls('eval')]).toEqual([11, 1]);
    expect(await redis.call('DBSIZE')).toBe(5_499 + 1); // 5,499 values and the furthest position of the log
  });

  it('stores the furthest log position for a leader that starts on a restored database', async () => {
    const [here, there] = [await broker(), await broker()];
    expect(await here.furthest()).toBeUndefined();
    await here.publish(someRows(3, 5));
    expect(await there.furthest()).toEqual({ epoch: 'e1', seq: 7 });
    await there.publish(someRows(1, 2)); // late, must not reduce the position
    expect(await here.furthest()).toEqual({ epoch: 'e1', seq: 7 });
    here.begin({ epoch: 'e2', seq: 1 });
    await waitFor(async () => (await there.furthest())?.epoch === 'e2');
    await redis.call('SET', 'log:head', 'nonsense');
    expect(await there.furthest()).toBeUndefined();
    await redis.kill();
    expect(await here.furthest()).toBeUndefined();
  });

  it('ignores invalid batches', async () => {
    const there = await broker();
    const heard: number[] = [];
    there.subscribe((batch) => heard.push(batch.length));
    const row = JSON.stringify([1, 'e1', 'tick', ...Array(22).fill(null)]);
    const hostile = ['', '{', 'null', '[]', '{"through":1}', '{"through":"1","rows":[]}', '{"through":1,"rows":[[]]}'];
    for (const text of [...hostile, `{"through":1,"rows":[${row}]}`, '{"through":-1,"rows":[]}']) {
      await redis.call('PUBLISH', 'log', text);
    }
    await (await broker()).publish(someRows(3));
    await waitFor(() => heard.length > 0);
    expect(heard).toEqual([3]);
  });

  it('fails at once while Redis hangs or is stopped, and still delivers to local listeners', async () => {
    const here = await broker();
    const heard: number[] = [];
    here.subscribe((batch) => heard.push(...batch.map(({ seq }) => seq)));
    redis.pause();
    await expect(here.publish(someRows(1))).rejects.toThrow(/within 400 ms/);
    await expect(here.publish(someRows(1, 2))).rejects.toThrow(/last batch/);
    redis.resume();
    await redis.stop();
    await waitFor(() =>
      here.publish(someRows(1, 3)).then(
        () => false,
        (error: Error) => /writ|closed/.test(error.message),
      ),
    );
    await redis.start();
    await waitFor(() => here.publish(someRows(1, 4)).then(() => true), { everyMs: 50 });
    expect(new Set(heard)).toEqual(new Set([1, 2, 3, 4]));
  });
});
