import { afterAll, beforeAll } from 'vitest';
import { MemoryBroker } from '../../../src/events/broker/memory-broker.js';
import { RedisBroker } from '../../../src/events/broker/redis-broker.js';
import { CacheRefresh } from '../../../src/events/hot-cache/cache-refresh.js';
import { CurrentBook } from '../../../src/events/hot-cache/current-book.js';
import { RedisCacheStore } from '../../../src/events/hot-cache/redis-cache-store.js';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { RedisConnections } from '../../../src/platform/redis/redis-connections.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import { brokerContract } from '../../contract/broker.contract.js';
import { hotCacheContract } from '../../contract/hot-cache.contract.js';
import { testLoops } from '../../support/servers/background-loops.js';
import { startRedis, type TestRedis } from '../../support/servers/redis-server.js';
import { createMemoryPod, createRedisPod, type CachePod } from './cache-pod.js';

let redis: TestRedis;
let prefix = 0;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.close());

brokerContract('MemoryBroker', async () => {
  const broker = new MemoryBroker();
  return { here: broker, there: broker, close: () => broker.close() };
});

brokerContract('RedisBroker', async () => {
  const settings = parseSettings({ REDIS_URL: redis.url, KEY_PREFIX: `${++prefix}:` });
  const connections = await Promise.all([1, 2].map(() => RedisConnections.open(settings, new Metrics())));
  const [here, there] = connections.map(
    (each) => new RedisBroker(each, new RedisCacheStore(each), new CacheRefresh(new CurrentBook()), testLoops()),
  );
  if (!here || !there) throw new Error('two connections make two brokers');
  return {
    here,
    there,
    close: async () => {
      await Promise.all([here.close(), there.close()]);
      for (const each of connections) each.onApplicationShutdown();
    },
  };
});

const leading = async (pod: CachePod): Promise<CachePod> => {
  pod.sequencer.start();
  return pod;
};

hotCacheContract('MemoryHotCache', async (url) => leading(await createMemoryPod(url)));
hotCacheContract('RedisHotCache', async (url) => leading(await createRedisPod(url, redis.url, `${++prefix}:`)));
