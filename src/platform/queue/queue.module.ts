import { BullModule, type BullRootModuleOptions } from '@nestjs/bullmq';
import { Global, Module, type DynamicModule } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import type { JobsOptions } from 'bullmq';
import { Database } from '../database/database.js';
import { RedisConnections } from '../redis/redis-connections.js';
import { Settings } from '../settings/settings.js';
import { JobQueue } from './job-queue.js';
import { JobWorker } from './job-worker.js';
import { PostgresQueueStore } from './postgres-queue-store.js';
import { QueueMetrics } from './queue-metrics.js';
import { QueueStore } from './queue-store.js';
import { RedisQueueStore } from './redis-queue-store.js';

// Classes with which @nestjs/bullmq creates queues and workers; set before any module registers some.
BullModule.queueClass = JobQueue;
BullModule.workerClass = JobWorker;

/**
 * Completed jobs are removed immediately, so their ids can be used again. Failed jobs are kept for inspection, for a day and
 * 1,000 of them at most.
 */
const DEFAULTS: JobsOptions = {
  attempts: 3,
  backoff: { type: 'exponential', delay: 1_000, jitter: 0.5 },
  removeOnComplete: true,
  removeOnFail: { age: 86_400, count: 1_000 },
};

function openStore({ redisUrl }: Settings, redis: RedisConnections, database: Database): QueueStore {
  return redisUrl === undefined ? new PostgresQueueStore(database.url) : new RedisQueueStore(redis, redisUrl);
}

function rootOptions(store: QueueStore): BullRootModuleOptions {
  return { connection: store, defaultJobOptions: DEFAULTS };
}

/**
 * Job queues that survive a restart and that all processes share: in Redis if it is configured, in PostgreSQL if it is not.
 * Redis may lose data: the module that adds jobs which must not be lost also stores the work in a table and adds the jobs
 * again.
 */
@Global()
@Module({
  imports: [DiscoveryModule, BullModule.forRootAsync({ inject: [QueueStore], useFactory: rootOptions })],
  providers: [
    { provide: QueueStore, inject: [Settings, RedisConnections, Database], useFactory: openStore },
    QueueMetrics,
  ],
  exports: [QueueStore],
})
export class QueueModule {
  /**
   * Registers the queues of a module, which injects them with `@InjectQueue`. Names consist of letters, digits and dashes.
   */
  static register(...names: string[]): DynamicModule {
    return BullModule.registerQueue(...names.map((name) => ({ name })));
  }
}
