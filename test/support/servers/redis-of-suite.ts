import { inject } from 'vitest';
import { startRedis, startRedisCluster, type TestRedis } from './redis-server.js';

/** Starts a separate Redis for a test that has several applications or stops Redis; a cluster in the suite `cluster`. */
export function startRedisOfSuite(): Promise<TestRedis> {
  return inject('redisUrl') === undefined ? startRedis() : startRedisCluster();
}
