import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { safeReason } from '../core/safe-reason.js';
import { Database } from '../../platform/database/database.js';
import { Settings } from '../../platform/settings/settings.js';
import { bytesOf, StorageBudget, type UserBytes } from './storage-budget.js';

const EVERY_MS = 600_000;
const BATCH = 5_000;

/**
 * Ends finished deliveries and their attempts after DELIVERY_RETENTION_DAYS; of a user whose budget is nearly used up the oldest
 * earlier, but none within a day. Safe in several processes at once.
 */
@Injectable()
export class DeliveryRetention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(DeliveryRetention.name);
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

  async forget(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted && (await this.end(OLD, [this.settings.deliveryRetentionDays, BATCH])) === BATCH);
    await this.budget.trim((userId, most) => this.end(EARLY, [userId, most]), signal);
  }

  /** Deletes; returns how many. */
  private end(which: string, parameters: unknown[]): Promise<number> {
    return this.database.transaction(async (tx) => {
      const { rows } = await tx.query<UserBytes & { deliveries: number }>(ended(which), parameters);
      await this.budget.free(tx, bytesOf(rows));
      return rows.reduce((sum, { deliveries }) => sum + deliveries, 0);
    });
  }

  private async loop(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.forget();
      } catch (error) {
        this.logger.warn({ reason: safeReason(error) }, 'old deliveries cannot be deleted; trying again');
      }
      await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

const FINISHED = `state NOT IN ('pending', 'retrying', 'sending')`;

const OLD = `SELECT id FROM deliveries WHERE created_at < now() - $1 * interval '1 day' AND ${FINISHED} LIMIT $2`;

/** Of the oldest only: a user's whole list is not read for nothing. */
const EARLY = `
  SELECT id FROM (SELECT id, created_at, state FROM deliveries WHERE user_id = $1 ORDER BY position LIMIT $2) oldest
  WHERE created_at < now() - interval '1 day' AND ${FINISHED}`;

/** Attempts go with their delivery, after the statement. */
function ended(which: string): string {
  return `
  WITH gone AS (DELETE FROM deliveries WHERE id IN (${which}) RETURNING id, user_id, type, data)
  SELECT user_id, count(*) AS deliveries, sum(delivery_bytes(type, data) + coalesce((
    SELECT sum(attempt_bytes(n, outcome, detail, response_head)) FROM delivery_attempts WHERE delivery_id = gone.id), 0))::bigint
    AS bytes
  FROM gone GROUP BY user_id`;
}
