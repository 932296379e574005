import { Injectable, type BeforeApplicationShutdown, type OnApplicationShutdown } from '@nestjs/common';
import type { Job } from 'bullmq';
import { Gauge } from 'prom-client';
import { Database } from '../database/database.js';
import { Metrics } from '../metrics/metrics.js';
import { RedisConnections } from '../redis/redis-connections.js';
import { Settings } from '../settings/settings.js';
import { JobQueue } from './job-queue.js';
import { JobWorker, type JobWorkerOptions } from './job-worker.js';
import { PostgresQueueStore } from './postgres-queue-store.js';
import type { QueueStore } from './queue-store.js';
import { RedisQueueStore } from './redis-queue-store.js';

const STATES = ['waiting', 'prioritized', 'delayed', 'active', 'failed', 'completed', 'paused'];

/**
 * Jobs that outlive the process and are shared by all: in Redis where there is one, else in the database. Redis is no
 * archive: what must not be lost lives in a table, and its owner adds the job again.
 */
@Injectable()
export class Queues implements BeforeApplicationShutdown, OnApplicationShutdown {
  private readonly store: QueueStore;
  private readonly queues = new Map<string, JobQueue<unknown>>();
  private readonly workers = new Set<JobWorker<unknown>>();
  /** Jobs by queue and state, in all processes together. */
  readonly jobs: Gauge<'queue' | 'state'>;

  constructor(settings: Settings, redis: RedisConnections, database: Database, metrics: Metrics) {
    const url = settings.redisUrl;
    this.store = url === undefined ? new PostgresQueueStore(database.url) : new RedisQueueStore(redis, url);
    this.store.onReplaced(() => this.renew());
    const count = (): Promise<void> => this.count();
    this.jobs = new Gauge({
      name: 'queue_jobs',
      help: 'Jobs by queue and state, counted in all processes together; nothing while the queue does not answer.',
      labelNames: ['queue', 'state'],
      registers: [metrics.registry],
      collect: count,
    });
  }

  /** Where the jobs live. */
  get backend(): 'redis' | 'postgres' {
    return this.store.kind;
  }

  /** The queue of this name, made once. Names are letters, digits and dashes. */
  queue<T>(name: string): JobQueue<T> {
    const made = this.queues.get(name) ?? new JobQueue<unknown>(name, this.store);
    this.queues.set(name, made);
    return made as JobQueue<T>;
  }

  /** Runs the handler for each job, here or in another process that does the same; finished before this one stops. */
  worker<T>(name: string, handler: (job: Job<T>) => Promise<void>, options?: JobWorkerOptions): JobWorker<T> {
    this.queue(name);
    const worker = new JobWorker<T>(name, handler, this.store, options);
    this.workers.add(worker as JobWorker<unknown>);
    return worker;
  }

  /** Before the connections close that running jobs use. */
  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([...this.workers].map((worker) => worker.finish()));
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.allSettled([...this.queues.values()].map((queue) => queue.close()));
    await this.store.close();
  }

  private async count(): Promise<void> {
    this.jobs.reset();
    await Promise.all(
      [...this.queues].map(async ([queue, jobs]) => {
        const counts = (await jobs.countByState()) ?? {};
        for (const state of STATES) if (counts[state] !== undefined) this.jobs.set({ queue, state }, counts[state]);
      }),
    );
  }

  private renew(): void {
    for (const user of [...this.queues.values(), ...this.workers]) user.renew();
  }
}
