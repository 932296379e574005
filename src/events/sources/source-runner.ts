import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { SourceFeed } from './source-feed.js';

/** First key of the sources' advisory locks; the second key is a hash of the source's name. */
const LOCK_SPACE = 0x736f7572;
const MIN_RESTART_DELAY_MS = 1_000;
const MAX_RESTART_DELAY_MS = 30_000;
/** Interval at which other processes check whether a source's lock is free, ms. */
const TAKE_OVER_INTERVAL_MS = 2_000;

/**
 * Runs the chosen sources. Each source runs in one of the processes that share a database: the process that holds its
 * advisory lock. When that process ends, another takes over within seconds. A source that fails is started again.
 */
export class SourceRunner implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(SourceRunner.name);
  private readonly stopping = new AbortController();
  private running: Promise<void>[] = [];

  constructor(
    private readonly database: Database,
    private readonly feeds: readonly SourceFeed[],
  ) {}

  onApplicationBootstrap(): void {
    this.running = this.feeds.map((feed) => this.keepRunning(feed));
  }

  /** Stops the sources before the services that they use are stopped. */
  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.running);
  }

  private async keepRunning(feed: SourceFeed): Promise<void> {
    let failures = 0;
    while (!this.stopping.signal.aborted) {
      try {
        await this.runAlone(feed);
        failures = 0;
      } catch (error) {
        failures++;
        this.logger.warn({ err: error, source: feed.name, failures }, 'data source failed; restarting after a pause');
      }
      const pause =
        failures === 0
          ? TAKE_OVER_INTERVAL_MS
          : Math.min(MIN_RESTART_DELAY_MS * 2 ** (failures - 1), MAX_RESTART_DELAY_MS);
      await sleep(pause, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  /** Runs the source while this process holds its lock; returns immediately if another process holds it. */
  private async runAlone(feed: SourceFeed): Promise<void> {
    const holder = await this.database.connect();
    const lost = new AbortController();
    holder.once('end', () => lost.abort());
    try {
      const { rows } = await holder.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1, hashtext($2)) AS held', [
        LOCK_SPACE,
        feed.name,
      ]);
      if (rows[0]?.held === true) await feed.run(AbortSignal.any([this.stopping.signal, lost.signal]));
    } finally {
      await holder.end().catch(() => undefined);
    }
  }
}
