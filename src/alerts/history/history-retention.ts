import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { bytesOf, StorageBudget, type UserBytes } from '../../notifications/index.js';
import { Database } from '../../platform/database/database.js';
import { Settings } from '../../platform/settings/settings.js';

const EVERY_MS = 600_000;
/** Alerts of one statement: some 50 ms, so that nobody who writes alerts waits for it. */
const BATCH = 5_000;

/**
 * Ends the history of alerts after ALERT_HISTORY_DAYS; of a user whose budget is nearly used up the oldest earlier, but none
 * within a day. Safe in several processes at once.
 */
@Injectable()
export class HistoryRetention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(HistoryRetention.name);
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly budget: StorageBudget,
    private readonly settings: Settings,
  ) {}

  onApplicationBootstrap(): void {
    if (this.settings.role !== 'gateway') this.running = this.loop();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Deletes what is too old. */
  async forget(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted && (await this.end(OLD, [this.settings.alertHistoryDays, BATCH])) === BATCH);
    await this.budget.trim((userId, most) => this.end(EARLY, [userId, most]), signal);
  }

  /** Deletes; returns how many. */
  private end(which: string, parameters: unknown[]): Promise<number> {
    return this.database.transaction(async (tx) => {
      const { rows } = await tx.query<UserBytes & { alerts: number }>(ended(which), parameters);
      await this.budget.free(tx, bytesOf(rows));
      return rows.reduce((sum, { alerts }) => sum + alerts, 0);
    });
  }

  private async loop(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.forget();
      } catch (error) {
        this.logger.warn({ reason: String(error) }, 'old alerts cannot be deleted; trying again');
      }
      await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

const OLD = `SELECT id FROM alert_transitions WHERE at < now() - $1::float8 * interval '1 day' LIMIT $2`;

/** Of the oldest only: a user's whole history is not read for nothing. */
const EARLY = `
  SELECT id FROM (SELECT id, at FROM alert_transitions WHERE user_id = $1 ORDER BY position LIMIT $2) oldest
  WHERE at < now() - interval '1 day'`;

function ended(which: string): string {
  return `
  WITH gone AS (DELETE FROM alert_transitions WHERE id IN (${which}) RETURNING user_id, alert, outcome, grouped)
  SELECT user_id, count(*) AS alerts, sum(history_bytes(alert, outcome, grouped))::bigint AS bytes FROM gone GROUP BY user_id`;
}
