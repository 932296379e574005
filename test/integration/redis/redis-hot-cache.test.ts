import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PublishedStore } from '../../../src/events/hot-cache/published-store.js';
import { cacheEntry, readEntry, type CacheEntry } from '../../../src/events/hot-cache/cache-entry.js';
import { MarketWriter } from '../../support/data/market-writer.js';
import { startRedis, type TestRedis } from '../../support/servers/redis-server.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';
import { settle } from '../capture/capture-fixture.js';
import { createRedisPod, type RedisPod } from './cache-pod.js';

const META = { slug: 'p', name: 'P', symbol: null, category: null, chains: [], url: null, metadata: {} };
const KEY = 'protocol:p:meta';

describe('RedisHotCache', () => {
  let redis: TestRedis;
  let db: TestDatabase;
  let market: MarketWriter;
  let pod: RedisPod;

  beforeEach(async () => {
    [redis, db] = await Promise.all([startRedis(), createTestDatabase()]);
    market = new MarketWriter(db.pool);
    pod = await createRedisPod(db.url, redis.url);
    pod.sequencer.start();
  });

  afterEach(async () => {
    await pod.close();
    await Promise.all([redis.close(), db.drop()]);
  });

  async function someMarket(): Promise<void> {
    await market.protocol('aave', 'Aave');
    for (const chain of ['ethereum', 'base', 'arbitrum']) await market.tvl('aave', chain, 10);
    for (const token of ['a', 'b', 'c']) await market.price(token, 1);
    await settle(pod);
  }

  const KEYS = [
    'tvl:aave',
    'tvl:aave:base',
    'tvl:aave:ethereum',
    'protocol:aave:meta',
    'price:a',
    'price:b',
    'price:c',
  ];
  const heldIn = async (key: string) => readEntry(key, String(await redis.call('GET', key)))?.value;
  const allEqual = async () => {
    const held = await Promise.all(KEYS.map(heldIn));
    return held.every((value, at) => JSON.stringify(value) === JSON.stringify(pod.state.lookUp(KEYS[at]!)));
  };

  it('keeps the newest value for any order and repetition of batches', async () => {
    const entry = (seq: number): CacheEntry => cacheEntry(KEY, { ...META, name: `at ${seq}` }, 'e1', seq);
    const order = fc.array(fc.integer({ min: 1, max: 2 ** 53 - 1 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(order, async (seqs) => {
        await redis.call('DEL', KEY);
        for (const seq of seqs) await pod.store.write([entry(seq)], 'newer');
        await Promise.all(seqs.map((seq) => pod.store.write([entry(seq)], 'newer')));
        expect(await heldIn(KEY)).toMatchObject({ name: `at ${Math.max(...seqs)}` });
      }),
      { numRuns: 50 },
    );
  });

  it('replaces an entry of another epoch only by a write with the rule `known`', async () => {
    const write = (epoch: string, seq: number, rule: 'newer' | 'known') =>
      pod.store.write([cacheEntry(KEY, { ...META, name: `${epoch} ${seq}` }, epoch, seq)], rule);
    await write('e1', 900, 'newer');
    await write('e2', 5, 'newer');
    expect(await heldIn(KEY)).toMatchObject({ name: 'e1 900' });
    await write('e2', 5, 'known');
    await write('e1', 901, 'newer');
    expect(await heldIn(KEY)).toMatchObject({ name: 'e2 5' });
    // This process returns only values of its own epoch, or values of its published state.
    expect(await pod.cache.getMany([KEY])).toEqual([undefined]);
  });

  it('receives no value of the old epoch as one of the new epoch while the published state is loaded again', async () => {
    await someMarket();
    await pod.cache.filled();
    const load = Promise.withResolvers<void>();
    const original = PublishedStore.prototype.load;
    const loads = vi.spyOn(PublishedStore.prototype, 'load').mockImplementation(async function (this: PublishedStore) {
      await load.promise;
      return original.call(this);
    });
    try {
      const before = pod.feed.epoch;
      await db.pool.query(`UPDATE log_head SET epoch = 'enew', epoch_start_seq = seq`);
      await waitFor(() => pod.feed.epoch !== before);
      expect(await pod.cache.compare(true)).toBe(0);
      await pod.cache.getMany(KEYS);
      const epochs = async () =>
        Promise.all(KEYS.map(async (key) => JSON.parse(String(await redis.call('GET', key))).at));
      expect((await epochs()).every((at: string) => at.startsWith(before))).toBe(true);
      load.resolve();
      await waitFor(async () => (await epochs()).every((at: string) => at.startsWith(pod.feed.epoch)));
      expect(await allEqual()).toBe(true);
    } finally {
      load.resolve();
      loads.mockRestore();
    }
  });

  it('is filled again after Redis returned empty, without any change or read', async () => {
    await someMarket();
    await waitFor(allEqual);
    await redis.restart({ empty: true });
    await waitFor(allEqual);
    expect(await redis.call('PTTL', 'tvl:aave')).toBeGreaterThan(3_500_000);
  });

  it('reads from the published state during an outage of Redis, and catches up afterwards', async () => {
    await someMarket();
    await redis.stop();
    await market.price('a', 2);
    await settle(pod);
    expect(await pod.cache.prices(['a', 'nothing'])).toMatchObject([{ value: 2 }, undefined]);
    expect(await pod.metric('ws_listener_status')).toBeGreaterThan(0);
    await redis.start();
    await waitFor(async () => ((await heldIn('price:a')) as { value?: number } | undefined)?.value === 2);
  });

  it('serves look-ups while Redis hangs', async () => {
    await someMarket();
    redis.pause();
    const [first, ...others] = await Promise.all([1, 2, 3].map(() => pod.cache.prices(['a'])));
    expect(first).toMatchObject([{ value: 1 }]);
    expect(others).toEqual([first, first]);
    redis.resume();
    await waitFor(() => pod.redis.state === 'up');
  });

  it('repairs keys that foreign clients changed or deleted', async () => {
    await someMarket();
    await waitFor(allEqual);
    const at = `${pod.feed.epoch}-00000000001`;
    await redis.call('SET', 'price:a', 'garbage');
    await redis.call('SET', 'price:b', JSON.stringify({ at, metric: 'price', value: 666, cursor: at }));
    await redis.call('DEL', 'tvl:aave');
    await redis.call('LPUSH', 'tvl:aave', 'a list');
    expect(await pod.cache.prices(['a', 'c'])).toMatchObject([{ value: 1 }, { value: 1 }]);
    expect(await pod.cache.protocolTvl('aave')).toMatchObject({ tvl: 30 });
    await waitFor(allEqual);
    expect(await pod.cache.compare(false)).toBe(0);
    await redis.call('FLUSHALL');
    await waitFor(allEqual);
  });

  it('reloads an expired key on a read for another hour, and does not restore unread keys', async () => {
    await someMarket();
    await waitFor(allEqual);
    await redis.call('DEL', 'price:a', 'price:b');
    expect(await pod.cache.compare(false)).toBe(0);
    expect(await pod.cache.prices(['a'])).toMatchObject([{ value: 1 }]);
    expect(await redis.call('PTTL', 'price:a')).toBeGreaterThan(3_500_000);
    expect(await redis.call('EXISTS', 'price:b')).toBe(0);
  });

  it('is compared with the published state by only one process at a time', async () => {
    const other = await createRedisPod(db.url, redis.url);
    try {
      const first = await waitFor(() => redis.call('GET', 'cache:comparing') as Promise<string | null>);
      const left = async () => Number(await redis.call('PTTL', 'cache:comparing'));
      await waitFor(async () => (await left()) < 3_000);
      await waitFor(async () => (await left()) > 3_000);
      expect(await redis.call('GET', 'cache:comparing')).toBe(first);
    } finally {
      await other.close();
    }
  });
});
