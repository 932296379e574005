import { Global, Module } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { RedisConnections } from '../../platform/redis/redis-connections.js';
import { EventFeed } from '../feed/event-feed.js';
import { CacheRefresh } from './cache-refresh.js';
import { CurrentBook } from './current-book.js';
import { HotCache } from './hot-cache.js';
import { MemoryHotCache } from './memory-hot-cache.js';
import { PublishedState } from './published-state.js';
import { PublishedStore } from './published-store.js';
import { RedisCacheStore } from './redis-cache-store.js';
import { RedisHotCache } from './redis-hot-cache.js';
import { StateReconciler } from './state-reconciler.js';

/** Returns the hot cache in Redis if Redis is configured; the in-memory one of a single process if not. */
function hotCache(
  published: PublishedState,
  metrics: Metrics,
  feed: EventFeed,
  redis: RedisConnections,
  store: RedisCacheStore,
  clock: Clock,
  loops: BackgroundLoops,
): HotCache {
  if (!redis.configured) return new MemoryHotCache(published, metrics, feed, clock);
  return new RedisHotCache({ published, metrics, redis, store, feed, loops });
}

/** Published values in the memory of every process, and the checks that correct them. */
@Global()
@Module({
  providers: [
    CurrentBook,
    PublishedStore,
    PublishedState,
    StateReconciler,
    CacheRefresh,
    RedisCacheStore,
    {
      provide: HotCache,
      inject: [PublishedState, Metrics, EventFeed, RedisConnections, RedisCacheStore, Clock, BackgroundLoops],
      useFactory: hotCache,
    },
  ],
  exports: [PublishedState, HotCache, CacheRefresh, RedisCacheStore],
})
export class HotCacheModule {}
