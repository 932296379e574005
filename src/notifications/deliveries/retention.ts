import { Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { safeReason } from '../core/safe-reason.js';
import { Database } from '../../platform/database/database.js';
import { Recurring } from '../../platform/process/recurring.js';
import type { Settings } from '../../platform/settings/settings.js';
import { bytesOf, type StorageBudget, type UserBytes } from './storage-budget.js';

const RETENTION_INTERVAL_MS = 600_000;
/** Maximum number of rows of one statement: some 50 ms, so that no writer waits long for it. */
const BATCH = 5_000;

/** Rows of users that are kept for some time and counted in their budgets. */
export interface KeptRows {
  readonly days: number;
  /** SQL of the ids of at most $2 rows that are older than $1 days. */
  readonly old: string;
  /** SQL of the ids of a user's ($1) oldest rows, $2 at most, that may end early. Never reads the whole list. */
  readonly early: string;
  /** Returns the SQL that deletes the selected rows; answers `user_id`, `rows` and `bytes`. */
  readonly ended: (which: string) => string;
}

/**
 * Retention: deletes rows that are older than their days; of a user whose budget is nearly used up the oldest earlier, but none
 * within a day. Safe in several processes at once.
 */
export abstract class Retention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(this.constructor.name);
  private readonly recurring = new Recurring(
    RETENTION_INTERVAL_MS,
    (stop) => this.forget(stop),
    (error) => this.logger.warn({ reason: safeReason(error) }, 'old rows could not be deleted; retrying'),
  );

  constructor(
    protected readonly database: Database,
    private readonly budget: StorageBudget,
    private readonly settings: Settings,
    private readonly kept: KeptRows,
  ) {}

  onApplicationBootstrap(): void {
    if (this.settings.role !== 'gateway') this.recurring.begin();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.recurring.end();
  }

  /** Deletes rows past their time. */
  async forget(stop: AbortSignal = new AbortController().signal): Promise<void> {
    const { days, old, early } = this.kept;
    while (!stop.aborted && (await this.delete(old, [days, BATCH])) === BATCH);
    await this.budget.trim((userId, most) => this.delete(early, [userId, most]), stop);
  }

  /** Deletes the rows; returns their number. */
  private delete(which: string, parameters: unknown[]): Promise<number> {
    return this.database.transaction(async (tx) => {
      const { rows } = await tx.query<UserBytes & { rows: number }>(this.kept.ended(which), parameters);
      await this.budget.free(tx, bytesOf(rows));
      return rows.reduce((sum, of) => sum + of.rows, 0);
    });
  }
}
