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

// Classes that the library uses for queues and workers, set before anything can be registered.
BullModule.queueClass = JobQueue;
BullModule.workerClass = JobWorker;

/**
 * Finished jobs are removed at once, and their ids are free again. Failed ones are kept for inspection, a day or the next
 * 1,000.
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
 * Jobs that outlive the process and are shared by all: in Redis if configured, else in the database. Redis is no archive: work
 * that must not be lost is in a table, and its owner adds the job again.
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
  /** Registers the queues of a feature, which it injects with `@InjectQueue`. Names are letters, digits and dashes. */
  static register(...names: string[]): DynamicModule {
    return BullModule.registerQueue(...names.map((name) => ({ name })));
  }
}
