import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LogEvent } from '../../../src/events/core/log-event.js';
import { DeadLetters } from '../../../src/events/dead-letters/dead-letters.js';
import { HistoryStore } from '../../../src/events/history/history-store.js';
import { HistoryWriter } from '../../../src/events/history/history-writer.js';
import { cacheKeys } from '../../../src/events/hot-cache/hot-cache.js';
import { MemoryHotCache } from '../../../src/events/hot-cache/memory-hot-cache.js';
import { CurrentBook } from '../../../src/events/hot-cache/current-book.js';
import { PublishedState } from '../../../src/events/hot-cache/published-state.js';
import { PublishedStore } from '../../../src/events/hot-cache/published-store.js';
import { StateReconciler } from '../../../src/events/hot-cache/state-reconciler.js';
import { testLoops } from '../../support/servers/background-loops.js';
import { waitFor } from '../../support/wait-for.js';
import { HOUR_MS, historyFixture, sequence, StoppedClock, type HistoryFixture } from '../history/history-fixture.js';

let fixture: HistoryFixture;
let state: PublishedState;
let current: CurrentBook;
let clock: StoppedClock;

beforeEach(async () => {
  fixture = await historyFixture();
  clock = new StoppedClock(Date.now());
  current = new CurrentBook();
  state = newState(current);
  await fixture.feed.start();
});
afterEach(async () => {
  state.onApplicationShutdown();
  await fixture.close();
});

const newState = (book = new CurrentBook()) => {
  return new PublishedState(fixture.feed, new PublishedStore(fixture.database, fixture.log), clock, book);
};

const historyWriter = () =>
  new HistoryWriter(
    fixture.database,
    fixture.log,
    fixture.feed,
    new HistoryStore(),
    testLoops(),
    new DeadLetters(fixture.database),
  );

const write = (sql: string) => fixture.test.pool.query(sql);

async function publish(sql: string): Promise<void> {
  await write(sql);
  await sequence(fixture.test);
  const { headSeq } = await fixture.log.bounds();
  await waitFor(() => fixture.feed.position >= headSeq);
}

/** Returns, by definition, the last value of every key in the whole log. */
async function replayed(): Promise<Map<string, number>> {
  const values = new Map<string, number>();
  for (const { type, protocol, chain, token, current } of await fixture.log.read(0, 100_000)) {
    if (type.startsWith('tvl_')) values.set(`${protocol}/${chain}`, current!);
    if (type.startsWith('price_')) values.set(`${token}`, current!);
  }
  return values;
}

function held(of = state): Map<string, number> {
  const tvls = [...of.all('tvl')].map(({ protocol, chain, value }): [string, number] => [
    `${protocol}/${chain}`,
    value,
  ]);
  return new Map([...tvls, ...[...of.all('price')].map(({ token, value }): [string, number] => [`${token}`, value])]);
}

test('deleted and truncated rows disappear from state and cache, even after a restart, and can be published again', async () => {
  const cache = new MemoryHotCache(state, fixture.metrics, fixture.feed, clock);
  const writer = historyWriter();
  await write(`INSERT INTO protocols (slug, name) VALUES ('aave', 'Aave'), ('gone', 'Gone')`);
  await write(
    `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('aave', 'ethereum', 100), ('aave', 'bsc', 50), ('gone', 'bsc', 7)`,
  );
  await publish(`INSERT INTO token_prices (token, price) VALUES ('eth', 2500)`);
  await state.reload();
  await publish(`DELETE FROM protocol_tvl WHERE chain = 'bsc'`);
  await publish(`DELETE FROM protocols WHERE slug = 'gone'; TRUNCATE token_prices`);
  const restarted = async () => {
    await fixture.database.transaction((tx) => writer.write(tx, []));
    const other = newState();
    await other.reload();
    other.onApplicationShutdown();
    return held(other);
  };
  expect(held()).toEqual(new Map([['aave/ethereum', 100]]));
  expect(await restarted()).toEqual(held());
  const events = await fixture.log.read(0, 1_000);
  await fixture.database.transaction((tx) => writer.write(tx, events));
  expect((await write('SELECT subject, chain FROM published_values')).rows).toEqual([
    { subject: 'aave', chain: 'ethereum' },
  ]);
  expect(await restarted()).toEqual(held());
  expect(state.protocolTvl('aave')).toBe(100);
  expect(state.protocol('gone')).toBeUndefined();
  expect([...state.valuedProtocols()]).toEqual(['aave']);
  expect(await cache.protocolTvl('gone')).toBeUndefined();
  // Within the dead band nothing changes for processes that know the value; the others must receive the value again.
  await publish(`INSERT INTO token_prices (token, price) VALUES ('eth', 2500.01)`);
  expect(state.price('eth')?.value).toBe(2500);
  await publish(`BEGIN; TRUNCATE token_prices; INSERT INTO token_prices (token, price) VALUES ('eth', 2750); COMMIT`);
  const [last] = (await fixture.log.read(0, 1_000)).slice(-1);
  expect(last).toMatchObject({ type: 'price_change', previous: 2500, current: 2750 });
  expect(await new StateReconciler(fixture.database, state, testLoops(), fixture.metrics).compare()).toBe(0);
});

const MANY = `INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT 'p' || n % 50, 'c' || n / 50, n FROM generate_series(1, 400) n`;

describe('the published state', () => {
  test('is up to date whenever another listener of the feed gets a batch', async () => {
    await state.onApplicationBootstrap();
    const seen: boolean[] = [];
    fixture.feed.subscribe((batch: readonly LogEvent[]) => {
      const last = batch.at(-1)!;
      if (last.protocol && last.chain) seen.push(state.tvl(last.protocol, last.chain)?.seq === last.seq);
    });
    await publish(MANY);
    await publish('UPDATE protocol_tvl SET tvl = tvl * 2');
    expect(seen.length).toBeGreaterThan(0);
    expect(seen).not.toContain(false);
    expect(held()).toEqual(await replayed());
  });

  test('is loaded from the projection and the log entries after the projection', async () => {
    const writer = historyWriter();
    await publish(`INSERT INTO protocols (slug, name) VALUES ('p1', 'One')`);
    await publish(MANY);
    writer.onApplicationBootstrap();
    await waitFor(async () => (await write('SELECT FROM published_values')).rowCount === 400);
    await writer.beforeApplicationShutdown();
    await publish('UPDATE protocol_tvl SET tvl = tvl * 2 WHERE tvl < 200');
    await publish(`INSERT INTO token_prices (token, price, chain) VALUES ('bitcoin', 9, 'bitcoin')`);
    const late = newState();
    await late.onApplicationBootstrap();
    expect(held(late)).toEqual(await replayed());
    expect(late.tvl('p1', 'c0')).toMatchObject({ name: 'One', metric: 'tvl', protocol: 'p1' });
    expect(late.price('bitcoin')).toMatchObject({ chain: 'bitcoin', protocol: null });
    expect(late.tvl('p1', 'c0')?.cursor).toMatch(new RegExp(`^${fixture.feed.epoch}-`));
    late.onApplicationShutdown();
  });

  test('contains events that were published during its load', async () => {
    await publish(MANY);
    const loading = state.onApplicationBootstrap();
    for (let round = 0; round < 5; round++) await publish('UPDATE protocol_tvl SET tvl = tvl * 1.1');
    await loading;
    expect(held()).toEqual(await replayed());
  });

  test('is reloaded when the log starts a new epoch', async () => {
    await publish(MANY);
    await state.onApplicationBootstrap();
    const before = state.loadedAt;
    clock.time += 5;
    await write('SELECT new_log_epoch()');
    await publish(`UPDATE protocol_tvl SET tvl = 5 WHERE protocol = 'p1'`);
    await waitFor(() => state.loadedAt > before);
    expect(held()).toEqual(await replayed());
    expect(state.tvl('p1', 'c0')?.cursor.startsWith(fixture.feed.epoch)).toBe(true);
  });

  test('retries its load while the database is unavailable', async () => {
    await publish(MANY);
    let failures = 2;
    const store = new PublishedStore(fixture.database, fixture.log);
    const load = store.load.bind(store);
    store.load = () => (failures-- > 0 ? Promise.reject(new Error('unavailable')) : load());
    const late = new PublishedState(fixture.feed, store, clock, new CurrentBook());
    await late.onApplicationBootstrap();
    expect(held(late)).toEqual(await replayed());
    late.onApplicationShutdown();
  });
});

describe('the reconciler of the published state', () => {
  test('finds no difference, even while changes are being published', async () => {
    await state.onApplicationBootstrap();
    const reconciler = new StateReconciler(fixture.database, state, testLoops(), fixture.metrics);
    await publish(
      `INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT 'p' || n, 'c', n FROM generate_series(1, 2500) n`,
    );
    await publish(`INSERT INTO token_prices (token, price) SELECT 't' || n, n FROM generate_series(1, 1000) n`);
    expect(await reconciler.compare()).toBe(0);
    await write('UPDATE protocol_tvl SET tvl = tvl * 2 WHERE tvl < 10');
    const comparing = reconciler.compare();
    await sequence(fixture.test);
    expect(await comparing).toBe(0);
  });

  test('ignores changes that the sequencer has not logged yet', async () => {
    await publish(`INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('a', 'c', 1)`);
    await state.onApplicationBootstrap();
    const reconciler = new StateReconciler(fixture.database, state, testLoops(), fixture.metrics);
    await write('UPDATE protocol_tvl SET tvl = 2');
    expect(await reconciler.compare()).toBe(0);
    await sequence(fixture.test);
    await waitFor(() => state.tvl('a', 'c')?.value === 2);
    expect(await reconciler.compare()).toBe(0);
  });

  test('counts a wrong value and repairs it', async () => {
    await state.onApplicationBootstrap();
    const reconciler = new StateReconciler(fixture.database, state, testLoops(), fixture.metrics);
    await publish(`INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('a', 'c', 1), ('b', 'c', 2)`);
    const [event] = await fixture.log.read(0, 1);
    // A wrong value, as a fault in this process might cause it.
    current.book.apply({ ...event!, current: 77 });
    expect(state.tvl('a', 'c')?.value).toBe(77);
    expect(await reconciler.compare()).toBe(1);
    expect(state.tvl('a', 'c')?.value).toBe(1);
    expect(await fixture.metrics.registry.getSingleMetricAsString('published_state_differences')).toMatch(/ 1$/m);
    expect(await reconciler.compare()).toBe(0);
  });

  test('repairs a wrong value in its periodic run', async () => {
    await publish(`INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('a', 'c', 1)`);
    await state.onApplicationBootstrap();
    const [event] = await fixture.log.read(0, 1);
    current.book.apply({ ...event!, current: 77 });
    const reconciler = new StateReconciler(fixture.database, state, testLoops(), fixture.metrics);
    reconciler.onApplicationBootstrap();
    await waitFor(() => state.tvl('a', 'c')?.value === 1);
    await reconciler.beforeApplicationShutdown();
    expect(await reconciler.compare()).toBe(0);
  });
});

describe('the hot cache', () => {
  const count = async (name: string) => {
    const metric = await fixture.metrics.registry.getSingleMetric(name)?.get();
    return metric?.values[0]?.value;
  };

  test('returns values in the order of the requested keys, and counts hits and misses', async () => {
    await publish(`INSERT INTO protocols (slug, name) VALUES ('aave', 'Aave')`);
    await publish(
      `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('aave', 'ethereum', 3), ('aave', 'base', 4)`,
    );
    await publish(`INSERT INTO token_prices (token, price) VALUES ('base:0xab', 2)`);
    await state.onApplicationBootstrap();
    const cache = new MemoryHotCache(state, fixture.metrics, fixture.feed, clock);
    const keys = [
      cacheKeys.tvl('aave', 'base'),
      cacheKeys.price('nothing'),
      cacheKeys.tvl('aave'),
      cacheKeys.price('base:0xab'),
      cacheKeys.protocolMeta('aave'),
    ];
    expect(keys).toEqual(['tvl:aave:base', 'price:nothing', 'tvl:aave', 'price:base:0xab', 'protocol:aave:meta']);
    expect(await cache.getMany(keys)).toMatchObject([
      { value: 4, chain: 'base' },
      undefined,
      { protocol: 'aave', tvl: 7, chains: [{ chain: 'ethereum' }, { chain: 'base' }] },
      { value: 2, token: 'base:0xab' },
      { slug: 'aave', name: 'Aave' },
    ]);
    expect([await count('cache_hits_total'), await count('cache_misses_total')]).toEqual([4, 1]);
    expect(await cache.getMany(['', 'tvl', 'nonsense:x', 'protocol:aave', 'tvl:aave:'])).toEqual(
      Array(5).fill(undefined),
    );
  });

  test('expires entries unused for an hour, and reads them from the published state again', async () => {
    await publish(`INSERT INTO token_prices (token, price) VALUES ('a', 1), ('b', 1), ('c', 1)`);
    await state.onApplicationBootstrap();
    const cache = new MemoryHotCache(state, fixture.metrics, fixture.feed, clock);
    clock.time += 0.5 * HOUR_MS;
    await publish(`UPDATE token_prices SET price = 2 WHERE token = 'a'`);
    clock.time += 0.6 * HOUR_MS;
    expect(await cache.prices(['a', 'b'])).toMatchObject([{ value: 2 }, { value: 1 }]);
    expect([await count('cache_hits_total'), await count('cache_misses_total')]).toEqual([1, 1]);
    clock.time += 0.6 * HOUR_MS;
    expect(await cache.prices(['a', 'b', 'c'])).toMatchObject([{ value: 2 }, { value: 1 }, { value: 1 }]);
    expect([await count('cache_hits_total'), await count('cache_misses_total')]).toEqual([2, 3]);
  });

  test('refreshes the keys of every published event', async () => {
    await publish(`INSERT INTO protocols (slug, name) VALUES ('aave', 'Aave')`);
    await publish(`INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('aave', 'ethereum', 3)`);
    await state.onApplicationBootstrap();
    const cache = new MemoryHotCache(state, fixture.metrics, fixture.feed, clock);
    clock.time += 2 * HOUR_MS;
    await publish(`UPDATE protocol_tvl SET tvl = 6`);
    await publish(`UPDATE protocols SET category = 'Lending'`);
    expect(await cache.tvl('aave', 'ethereum')).toMatchObject({ value: 6, category: 'Lending' });
    expect(await cache.protocolTvl('aave')).toMatchObject({ tvl: 6 });
    expect(await cache.protocolMeta('aave')).toMatchObject({ category: 'Lending' });
    expect(await count('cache_misses_total')).toBe(0);
  });
});
