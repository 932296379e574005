import { RedisBroker } from '../../../src/events/broker/redis-broker.js';
import type { Broker } from '../../../src/events/broker/broker.js';
import { MemoryBroker } from '../../../src/events/broker/memory-broker.js';
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
import { createPod, type Pod } from '../capture/capture-fixture.js';

/** The parts of one process that publish, follow and remember; through Redis when an address is given. */
export interface CachePod extends Pod {
  broker: Broker;
  state: PublishedState;
  cache: HotCache;
  /** The value of a counter or gauge. */
  metric(name: string): Promise<number | undefined>;
}

export interface RedisPod extends CachePod {
  cache: RedisHotCache;
  redis: RedisConnections;
  store: RedisCacheStore;
}

export async function createMemoryPod(databaseUrl: string): Promise<CachePod> {
  const broker = new MemoryBroker();
  const pod = createPod(databaseUrl, broker);
  const state = new PublishedState(pod.feed, new PublishedStore(pod.database, pod.log), new Clock());
  const cache = new MemoryHotCache(state, pod.metrics, pod.feed, new Clock());
  await start(pod, state);
  return { ...pod, broker, state, cache, metric: metricOf(pod), close: () => close(pod, state) };
}

export async function createRedisPod(databaseUrl: string, redisUrl: string, prefix = ''): Promise<RedisPod> {
  const settings = parseSettings({ REDIS_URL: redisUrl, KEY_PREFIX: prefix });
  const redis = await RedisConnections.open(settings, new Metrics());
  const [store, refresh] = [new RedisCacheStore(redis), new CacheRefresh()];
  const broker = new RedisBroker(redis, store, refresh);
  const pod = createPod(databaseUrl, broker);
  const { feed, metrics } = pod;
  const published = new PublishedState(feed, new PublishedStore(pod.database, pod.log), new Clock());
  const cache = new RedisHotCache({ published, metrics, redis, store, feed, refresh });
  await start(pod, published);
  await cache.filled();
  return {
    ...pod,
    broker,
    state: published,
    cache,
    redis,
    store,
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
