import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Gauge } from 'prom-client';
import { Clock } from '../../platform/clock/clock.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import { Settings } from '../../platform/settings/settings.js';
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
  private readonly logger = new Logger(HistoryJobs.name);
  private readonly stopping = new AbortController();
  private readonly lastRound: Gauge;
  private running: Promise<void> | undefined;
  private sampledHour = 0;
  private partitionsAt = 0;

  constructor(
    private readonly rollups: Rollups,
    private readonly samples: HourlySamples,
    private readonly partitions: RawPartitions,
    private readonly clock: Clock,
    private readonly settings: Settings,
    metrics: Metrics,
  ) {
    this.lastRound = new Gauge({
      name: 'history_jobs_last_success_seconds',
      help: 'Unix time of the last successful round of the history jobs (aggregates, hourly samples, partitions).',
      registers: [metrics.registry],
    });
  }

  onApplicationBootstrap(): void {
    if (this.settings.role !== 'gateway') this.running = this.loop();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.running;
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

  private async loop(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const startedAt = performance.now();
      try {
        await this.round();
      } catch (error) {
        this.logger.warn({ err: error }, 'round of the history jobs failed; retrying');
      }
      const rest = PAUSE_PER_WORK * (performance.now() - startedAt);
      await sleep(Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, rest)), undefined, { signal, ref: false }).catch(
        () => undefined,
      );
    }
  }
}
