import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { Gauge } from 'prom-client';
import { metricOf } from '../metrics/metric-of.js';
import { Metrics } from '../metrics/metrics.js';
import { JobQueue } from './job-queue.js';

const STATES = ['waiting', 'prioritized', 'delayed', 'active', 'failed', 'completed', 'paused'];

/** Metrics of the queues that modules have registered. */
@Injectable()
export class QueueMetrics implements OnApplicationBootstrap {
  private queues: readonly JobQueue<unknown>[] = [];
  /** Jobs by queue and state; each process reports the total of all processes. */
  readonly jobs: Gauge<'queue' | 'state'>;

  constructor(
    private readonly discovery: DiscoveryService,
    metrics: Metrics,
  ) {
    const count = (): Promise<void> => this.count();
    this.jobs = new Gauge({
      ...metricOf('queue_jobs'),
      registers: [metrics.registry],
      collect: count,
    });
  }

  onApplicationBootstrap(): void {
    const provided: unknown[] = this.discovery.getProviders().map(({ instance }) => instance);
    this.queues = provided.filter((instance) => instance instanceof JobQueue);
  }

  private async count(): Promise<void> {
    this.jobs.reset();
    await Promise.all(
      this.queues.map(async (jobs) => {
        const counts = (await jobs.countByState()) ?? {};
        for (const state of STATES) {
          if (counts[state] !== undefined) this.jobs.set({ queue: jobs.name, state }, counts[state]);
        }
      }),
    );
  }
}
