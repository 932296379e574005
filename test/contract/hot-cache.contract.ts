import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cacheKeys, type HotCache } from '../../src/events/hot-cache/hot-cache.js';
import type { PublishedState } from '../../src/events/hot-cache/published-state.js';
import type { EventFeed } from '../../src/events/feed/event-feed.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { createTestDatabase, type TestDatabase } from '../support/servers/test-database.js';
import { waitFor } from '../support/wait-for.js';

/** Process with the cache under test and a running sequencer. */
export interface CacheHost {
  cache: HotCache;
  state: PublishedState;
  feed: EventFeed;
  /** Seqs of events that the cache's server did not accept in time, for which the cache may lag behind. */
  missed: ReadonlySet<number>;
  /** Resolves when the cache has caught up with the events that it missed. */
  mended(): Promise<void>;
  metric(name: string): Promise<number | undefined>;
  close(): Promise<void>;
}

export function hotCacheContract(name: string, open: (databaseUrl: string) => Promise<CacheHost>): void {
  describe(`${name} as a hot cache`, () => {
    let db: TestDatabase;
    let market: MarketWriter;
    let host: CacheHost;

    beforeEach(async () => {
      db = await createTestDatabase();
      market = new MarketWriter(db.pool);
      host = await open(db.url);
    });

    afterEach(async () => {
      await host.close();
      await db.drop();
    });

    it('returns values in the order of the requested keys and counts hits and misses', async () => {
      await market.protocol('aave', 'Aave');
      await market.tvl('aave', 'ethereum', 3);
      await market.tvl('aave', 'base', 4);
      await market.price('base:0xab', 2);
      await waitFor(() => host.state.price('base:0xab') && host.state.protocolTvl('aave') === 7);
      const keys = [
        cacheKeys.tvl('aave', 'base'),
        cacheKeys.price('nothing'),
        cacheKeys.tvl('aave'),
        cacheKeys.price('base:0xab'),
        cacheKeys.protocolMeta('aave'),
      ];
      await host.mended();
      const before = await host.metric('cache_hits_total');
      expect(await host.cache.getMany(keys)).toMatchObject([
        { value: 4, chain: 'base' },
        undefined,
        { protocol: 'aave', tvl: 7, chains: [{ chain: 'ethereum' }, { chain: 'base' }] },
        { value: 2, token: 'base:0xab' },
        { slug: 'aave', name: 'Aave' },
      ]);
      // A server that did not answer in time is not used for a moment; look-ups then count as misses.
      await waitFor(async () => {
        await host.cache.getMany(keys);
        return ((await host.metric('cache_hits_total')) ?? 0) > (before ?? 0);
      });
      expect(await host.metric('cache_misses_total')).toBeGreaterThanOrEqual(1);
      const nonsense = ['', 'tvl', 'nonsense:x', 'protocol:aave', 'tvl:aave:', 'cache:comparing'];
      expect(await host.cache.getMany(nonsense)).toEqual(nonsense.map(() => undefined));
      expect(await host.cache.getMany([])).toEqual([]);
    });

    it('stores a value before listeners receive the event that published the value', async () => {
      const looked: { seq: number; holds: Promise<boolean> }[] = [];
      host.feed.subscribe((batch) => {
        for (const { seq, type, token, current } of batch) {
          if (!type.startsWith('price_') || token === null) continue;
          const holds = host.cache.prices([token]).then(([price]) => (price?.value ?? 0) >= (current ?? 0));
          looked.push({ seq, holds });
        }
      });
      // Events that a busy server did not accept in time are still reported to listeners, but are excluded here.
      const counted = () => looked.filter(({ seq }) => !host.missed.has(seq));
      let value = 0;
      await waitFor(async () => {
        await market.price('rising', ++value);
        return counted().length >= 20;
      });
      await waitFor(() => host.state.price('rising')?.value === value);
      expect(await Promise.all(counted().map(({ holds }) => holds))).not.toContain(false);
    });

    it('returns the same value as the published state for every key', async () => {
      await market.protocol('aave', 'Aave');
      for (const chain of ['ethereum', 'base', 'staking']) await market.tvl('aave', chain, 10);
      for (const chain of ['ethereum', 'staking']) await market.tvl('aave', chain, 20);
      await db.pool.query(`UPDATE protocols SET category = 'Lending', symbol = 'AAVE'`);
      await market.tvl('undescribed', 'all', 5);
      await market.price('a', 1);
      await waitFor(() => host.state.price('a') && host.state.protocol('aave')?.category === 'Lending');
      const keys = ['price:a', 'tvl:aave', 'tvl:aave:base', 'tvl:aave:ethereum', 'tvl:aave:staking'];
      keys.push('protocol:aave:meta', 'tvl:undescribed', 'tvl:undescribed:all');
      await host.mended();
      expect(await host.cache.getMany(keys)).toEqual(keys.map((key) => host.state.lookUp(key)));
      expect(await host.cache.tvl('aave', 'base')).toMatchObject({ value: 10, category: 'Lending', symbol: 'AAVE' });
      expect(await host.cache.protocolTvl('aave')).toMatchObject({ tvl: 30 });
      expect(await host.cache.protocolMeta('aave')).toMatchObject({ category: 'Lending' });
    });
  });
}
