import { inject } from 'vitest';
import { startRedis, startRedisCluster, type TestRedis } from './redis-server.js';

/** A Redis of its own for a test that has several applications or stops it: in the suite `cluster` a cluster. */
export function startRedisOfSuite(): Promise<TestRedis> {
  return inject('redisUrl') === undefined ? startRedis() : startRedisCluster();
}
