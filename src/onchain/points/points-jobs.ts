import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { DailyPoints } from './daily-points.js';
import { FeastClosing } from './feast-closing.js';
import { PointsAnnouncements } from './points-announcements.js';

const INTERVAL_MS = 10_000;
const DAY_MS = 86_400_000;
const ANNOUNCE_INTERVAL_MS = 300_000;
/** Time after midnight at which a day is calculated although a chain has not reached it, ms: that chain stands. */
const MAX_DAY_DELAY_MS = 600_000;
/** Days that one run calculates, at most. */
const MAX_DAYS_PER_RUN = 3;

/** Recurring work on points: daily calculation at 00:00 UTC, announcements every five minutes, epochs of the feast pool. */
@Injectable()
export class PointsJobs implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: BackgroundLoop;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly days: DailyPoints,
    private readonly feast: FeastClosing,
    private readonly announcements: PointsAnnouncements,
    loops: BackgroundLoops,
  ) {
    this.loop = loops.loop({
      name: 'onchain_points',
      intervalMs: INTERVAL_MS,
      isDelayed: true,
      onlyOn: 'worker',
      run: () => this.round(),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** Does what is due, in one process at a time. */
  async round(): Promise<void> {
    await this.database.transaction(async (tx) => {
      const { rows } = await tx.query<{
        mine: boolean;
        hasContracts: boolean;
        announced: number;
        projected: number | null;
      }>(
        `SELECT pg_try_advisory_xact_lock(hashtext('onchain_points')) AS mine, published_ms AS announced,
           EXISTS (SELECT FROM onchain_contracts) AS "hasContracts",
           (SELECT min(s.at_ms) FROM onchain_streams s) AS projected FROM onchain_points_state`,
      );
      const [state] = rows;
      if (state?.mine !== true || !state.hasContracts) return;
      const now = this.clock.now();
      const midnight = now - (now % DAY_MS);
      if ((state.projected ?? -1) >= midnight || now - midnight >= MAX_DAY_DELAY_MS) await this.daily(now);
      await this.feast.close();
      if (now - state.announced < ANNOUNCE_INTERVAL_MS) return;
      await this.announcements.announce('accrual');
      await tx.query('UPDATE onchain_points_state SET published_ms = $1', [now]);
    });
  }

  private async daily(now: number): Promise<void> {
    const missing = await this.days.missingDays(now, MAX_DAYS_PER_RUN);
    for (const day of missing) await this.days.calculate(day);
    if (missing.length > 0) await this.announcements.announce('daily');
  }
}
