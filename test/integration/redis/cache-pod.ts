import { RedisBroker } from '../../../src/events/broker/redis-broker.js';
import type { Broker } from '../../../src/events/feed/broker.js';
import { MemoryBroker } from '../../../src/events/broker/memory-broker.js';
import type { LogEvent } from '../../../src/events/core/log-event.js';
import { CurrentBook } from '../../../src/events/hot-cache/current-book.js';
import { CacheRefresh } from '../../../src/events/hot-cache/cache-refresh.js';
import type { HotCache } from '../../../src/events/hot-cache/hot-cache.js';
import { MemoryHotCache } from '../../../src/events/hot-cache/memory-hot-cache.js';
import { PublishedState } from '../../../src/events/hot-cache/published-state.js';
import { PublishedStore } from '../../../src/events/hot-cache/published-store.js';
import { RedisCacheStore } from '../../../src/events/hot-cache/redis-cache-store.js';
import { RedisHotCache } from '../../../src/events/hot-cache/redis-hot-cache.js';
import { Clock } from '../../../src/platform/clock/clock.js';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { RedisConnections } from '../../../src/platform/redis/redis-connections.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import { testLoops } from '../../support/servers/background-loops.js';
import { waitFor } from '../../support/wait-for.js';
import { createPod, type Pod } from '../capture/capture-fixture.js';

/** Parts of one process that publish, follow and cache events; they use Redis if its URL is given. */
export interface CachePod extends Pod {
  broker: Broker;
  state: PublishedState;
  cache: HotCache;
  /** Seqs of events that Redis did not accept in time, for which the cache may lag behind. */
  missed: ReadonlySet<number>;
  /** Resolves when the cache has caught up with the events that it missed. */
  mended(): Promise<void>;
  /** Returns the value of a counter or gauge. */
  metric(name: string): Promise<number | undefined>;
}

export interface RedisPod extends CachePod {
  cache: RedisHotCache;
  redis: RedisConnections;
  store: RedisCacheStore;
}

/** Records the batches that Redis did not accept in time, which happens on a busy machine. */
class NotingBroker extends RedisBroker {
  readonly missed = new Set<number>();

  override async publish(batch: readonly LogEvent[]): Promise<void> {
    try {
      await super.publish(batch);
    } catch (error) {
      for (const { seq } of batch) this.missed.add(seq);
      throw error;
    }
  }
}

export async function createMemoryPod(databaseUrl: string): Promise<CachePod> {
  const broker = new MemoryBroker();
  const pod = createPod(databaseUrl, broker);
  const state = new PublishedState(pod.feed, new PublishedStore(pod.database, pod.log), new Clock(), new CurrentBook());
  const cache = new MemoryHotCache(state, pod.metrics, pod.feed, new Clock());
  await start(pod, state);
  return {
    ...pod,
    broker,
    state,
    cache,
    missed: new Set(),
    mended: () => Promise.resolve(),
    metric: metricOf(pod),
    close: () => close(pod, state),
  };
}

export async function createRedisPod(databaseUrl: string, redisUrl: string, prefix = ''): Promise<RedisPod> {
  const settings = parseSettings({ REDIS_URL: redisUrl, KEY_PREFIX: prefix });
  const redis = await RedisConnections.open(settings, new Metrics());
  const [store, current] = [new RedisCacheStore(redis), new CurrentBook()];
  const broker = new NotingBroker(redis, store, new CacheRefresh(current), testLoops());
  const pod = createPod(databaseUrl, broker);
  const { feed, metrics } = pod;
  const published = new PublishedState(feed, new PublishedStore(pod.database, pod.log), new Clock(), current);
  const cache = new RedisHotCache({ published, metrics, redis, store, feed, loops: testLoops() });
  await start(pod, published);
  await cache.filled();
  return {
    ...pod,
    broker,
    state: published,
    cache,
    redis,
    store,
    missed: broker.missed,
    mended: async () => {
      if (broker.missed.size > 0) await waitFor(async () => (await cache.compare(true)) === 0);
    },
    metric: metricOf(pod),
    close: async () => {
      await cache.beforeApplicationShutdown();
      await close(pod, published);
      await broker.onApplicationShutdown();
      redis.onApplicationShutdown();
    },
  };
}

async function start(pod: Pod, state: PublishedState): Promise<void> {
  await pod.feed.start();
  await state.onApplicationBootstrap();
}

async function close(pod: Pod, state: PublishedState): Promise<void> {
  state.onApplicationShutdown();
  await pod.close();
}

function metricOf(pod: Pod) {
  return async (name: string) => (await pod.metrics.registry.getSingleMetric(name)?.get())?.values[0]?.value;
}
