import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import type { BackgroundLoops } from '../../platform/process/background-loops.js';
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
  private readonly loops: readonly BackgroundLoop[];

  constructor(
    private readonly database: Database,
    loops: BackgroundLoops,
    feeds: readonly SourceFeed[],
  ) {
    this.loops = feeds.map((feed) =>
      loops.loop({
        name: `source_${feed.name}`,
        intervalMs: TAKE_OVER_INTERVAL_MS,
        retry: { minMs: MIN_RESTART_DELAY_MS, maxMs: MAX_RESTART_DELAY_MS },
        run: (stop) => this.runAlone(feed, stop),
      }),
    );
  }

  onApplicationBootstrap(): void {
    for (const loop of this.loops) loop.start();
  }

  /** Stops the sources before the services that they use are stopped. */
  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }

  /** Runs the source while this process holds its lock; returns immediately if another process holds it. */
  private async runAlone(feed: SourceFeed, stop: AbortSignal): Promise<void> {
    const holder = await this.database.connect();
    const lost = new AbortController();
    holder.once('end', () => lost.abort());
    try {
      const { rows } = await holder.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1, hashtext($2)) AS held', [
        LOCK_SPACE,
        feed.name,
      ]);
      if (rows[0]?.held === true) await feed.run(AbortSignal.any([stop, lost.signal]));
    } finally {
      await holder.end().catch(() => undefined);
    }
  }
}
