import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { Clock } from '../../platform/clock/clock.js';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { HourlySamples } from './hourly-samples.js';
import { RawPartitions } from './raw-partitions.js';
import { Rollups } from './rollups.js';

/** Pause between rounds as a multiple of the last round's duration, so that the jobs take at most a twentieth of a core. */
const PAUSE_PER_WORK = 20;
/**
 * Shortest pause, ms. Aggregates are behind the points by about one pause: this one if there are few changes, up to
 * `MAX_PAUSE_MS` under load.
 */
const MIN_PAUSE_MS = 2_000;
const MAX_PAUSE_MS = 30_000;
const PARTITIONS_INTERVAL_MS = 3_600_000;

/** Recurring jobs of history: aggregates, hourly samples, partitions. Several processes may run them at once. */
@Injectable()
export class HistoryJobs implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly lastRound: Gauge;
  private readonly loop: BackgroundLoop;
  private sampledHour = 0;
  private partitionsAt = 0;

  constructor(
    private readonly rollups: Rollups,
    private readonly samples: HourlySamples,
    private readonly partitions: RawPartitions,
    private readonly clock: Clock,
    loops: BackgroundLoops,
    metrics: Metrics,
  ) {
    this.lastRound = new Gauge({
      ...metricOf('history_jobs_last_success_seconds'),
      registers: [metrics.registry],
    });
    this.loop = loops.loop({
      name: 'history_jobs',
      intervalMs: MIN_PAUSE_MS,
      retry: { minMs: MIN_PAUSE_MS, maxMs: MAX_PAUSE_MS },
      onlyOn: 'worker',
      run: () => this.roundAndPause(),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** Runs the jobs that are due, once. */
  async round(): Promise<void> {
    const now = this.clock.now();
    const partitionsDue = now - this.partitionsAt >= PARTITIONS_INTERVAL_MS;
    if (partitionsDue) await this.partitions.prepare(now);
    const hour = now - (now % 3_600_000);
    if (hour !== this.sampledHour) {
      await this.samples.take(now);
      this.sampledHour = hour;
    }
    await this.rollups.run();
    if (partitionsDue) {
      // Set before the call: if long queries block the drop, it is retried after an hour instead of in every round.
      this.partitionsAt = now;
      await this.partitions.retire(now);
    }
    this.lastRound.set(now / 1000);
  }

  /** Runs the jobs; returns the pause after them, ms. */
  private async roundAndPause(): Promise<number> {
    const startedAt = performance.now();
    await this.round();
    return Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, PAUSE_PER_WORK * (performance.now() - startedAt)));
  }
}
