import type { TestProject } from 'vitest/node';
import { startRedisCluster } from './redis-server.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Address of a Redis that every test application is to use, where the suite has one. */
    redisUrl?: string;
  }
}

/** One Redis Cluster for a whole suite; each application has key names of its own there, unless a test brings a Redis. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const cluster = await startRedisCluster();
  project.provide('redisUrl', cluster.url);
  return cluster.close;
}
