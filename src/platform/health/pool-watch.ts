import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Gauge, Histogram } from 'prom-client';
import { Clock } from '../clock/clock.js';
import { Database } from '../database/database.js';
import { RecentShare } from '../input/recent-share.js';
import { metricOf } from '../metrics/metric-of.js';
import { Metrics } from '../metrics/metrics.js';
import type { BackgroundLoop } from '../process/background-loop.js';
import { BackgroundLoops } from '../process/background-loops.js';
import { HealthNotices } from './health-notices.js';

/** Share of the connections in use, averaged over five minutes, above which operators are notified. */
export const MAX_POOL_SHARE = 0.8;
const WINDOW_MS = 300_000;
const INTERVAL_MS = 5_000;
/** Looks after which an average says something. */
const MIN_LOOKS = 12;
const NOTICE = 'database_pool';

/** Watches how many of this process's connections to PostgreSQL are in use. */
@Injectable()
export class PoolWatch implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: BackgroundLoop;
  private readonly inUse: Gauge;
  /** Pieces of work that wait for a connection. */
  readonly waiting: Gauge;
  private readonly recent = new RecentShare(WINDOW_MS);

  constructor(
    private readonly database: Database,
    private readonly notices: HealthNotices,
    private readonly clock: Clock,
    loops: BackgroundLoops,
    metrics: Metrics,
  ) {
    const registers = [metrics.registry];
    this.inUse = new Gauge({
      ...metricOf('database_pool_in_use'),
      registers,
    });
    const size = new Gauge({
      ...metricOf('database_pool_size'),
      registers,
    });
    size.set(database.pool.options.max);
    const waits = new Histogram({ ...metricOf('database_pool_wait_seconds'), registers });
    database.pool.onWaited = (ms) => waits.observe(ms / 1_000);
    this.waiting = new Gauge({
      ...metricOf('database_pool_waiting'),
      registers,
      collect() {
        this.set(database.pool.waitingCount);
      },
    });
    this.loop = loops.loop({ name: 'pool_watch', intervalMs: INTERVAL_MS, isDelayed: true, run: () => this.look() });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** Notes how many connections are in use now, and tells operators if they were too many for long. */
  look(): void {
    const { totalCount, idleCount, options } = this.database.pool;
    const now = this.clock.elapsed();
    this.inUse.set(totalCount - idleCount);
    this.recent.add(totalCount - idleCount, options.max, now);
    const { part, whole } = this.recent.at(now);
    if (part > MAX_POOL_SHARE * whole && whole >= MIN_LOOKS * options.max) {
      const share = Math.round((100 * part) / whole);
      this.notices.set(
        NOTICE,
        `${share} % of the connections to PostgreSQL were in use; DATABASE_POOL is their number`,
      );
    } else this.notices.clear(NOTICE);
  }
}
