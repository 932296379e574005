import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import type { BackgroundLoops } from '../../platform/process/background-loops.js';
import { bytesOf, type StorageBudget, type UserBytes } from './storage-budget.js';

const RETENTION_INTERVAL_MS = 600_000;
/** Maximum number of rows per statement: it takes about 50 ms, so that no writer waits longer. */
const BATCH_SIZE = 5_000;

/** Rows of users that are deleted after some days and counted in the users' storage budgets. */
interface KeptRows {
  /** Name of the loop that deletes them. */
  readonly loop: string;
  readonly days: number;
  /** SQL of the ids of at most $2 rows that are older than $1 days. */
  readonly old: string;
  /**
   * SQL of the ids of a user's ($1) oldest rows, $2 at most, that may be deleted early. It must not read all rows of the
   * user.
   */
  readonly early: string;
  /** Returns the SQL that deletes the selected rows and returns `user_id`, `rows` and `bytes`. */
  readonly ended: (which: string) => string;
}

/**
 * Deletes rows that are older than their number of days. If a user's budget is nearly used up, the oldest rows are
 * deleted earlier, but not within a day. May run in several processes at once.
 */
export abstract class Retention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: BackgroundLoop;

  constructor(
    protected readonly database: Database,
    private readonly budget: StorageBudget,
    loops: BackgroundLoops,
    private readonly kept: KeptRows,
  ) {
    this.loop = loops.loop({
      name: kept.loop,
      intervalMs: RETENTION_INTERVAL_MS,
      onlyOn: 'worker',
      run: (stop) => this.forget(stop),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** Deletes rows that are too old, and the oldest rows of users whose budget is nearly used up. */
  async forget(stop: AbortSignal = new AbortController().signal): Promise<void> {
    const { days, old, early } = this.kept;
    while (!stop.aborted && (await this.delete(old, [days, BATCH_SIZE])) === BATCH_SIZE);
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
