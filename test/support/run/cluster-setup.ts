import type { TestProject } from 'vitest/node';
import { startRedisCluster } from '../servers/redis-server.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Address of the Redis that all test applications of the suite use, if there is one. */
    redisUrl?: string;
  }
}

/**
 * Starts one Redis Cluster for a whole suite; each application uses its own key prefix there, unless a test starts its
 * own Redis.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const cluster = await startRedisCluster();
  project.provide('redisUrl', cluster.url);
  return cluster.close;
}
