import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import { timeGiven } from '../../platform/input/time.js';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { Deliveries } from './deliveries.js';
import type { DeliveryDetail, RedeliverRangeBody } from './deliveries.dto.js';
import { DeliveryLog } from './delivery-log.js';
import { StorageBudget } from './storage-budget.js';

/** Time after which a delivery that was requested again expires, hours. */
const REDELIVERY_TTL_HOURS = 24;
/** Maximum number of deliveries per request. */
const MAX_REDELIVERED = 10_000;

/** Sends finished deliveries again with the same id, so that a receiver that already has one recognises it. */
@Injectable()
export class Redelivery {
  constructor(
    private readonly database: Database,
    private readonly deliveries: Deliveries,
    private readonly log: DeliveryLog,
    private readonly budget: StorageBudget,
    private readonly clock: Clock,
  ) {}

  /**
   * Sends a delivery again. Throws `conflict` if the delivery is in progress or was stored without its text;
   * `limit_exceeded` if the user's storage budget is used up.
   */
  async redeliver(userId: string, id: string): Promise<DeliveryDetail> {
    await this.log.get(userId, id);
    await this.budget.check(userId);
    const again = await this.database.query<{ id: string }>(`${AGAIN} AND id = $2 RETURNING id`, [userId, id]);
    if (again.length === 0) again.push(...(await this.database.query<{ id: string }>(NOW, [userId, id])));
    if (again.length === 0) {
      throw new DomainError('conflict', 'This delivery is still in progress, or cannot be sent again.');
    }
    this.deliveries.announce([id]);
    return this.log.get(userId, id);
  }

  /** Sends the deliveries of a range again, oldest first; returns their number. */
  async redeliverRange(userId: string, body: RedeliverRangeBody): Promise<number> {
    await this.budget.check(userId);
    const { states = ['dead'], target = null } = body;
    const now = this.clock.now();
    const [from, to] = [timeGiven(body.from, now), timeGiven(body.to, now)];
    const again = await this.database.query<{ id: string }>(
      `${AGAIN} AND id IN (SELECT id FROM deliveries WHERE user_id = $1 AND created_at >= $2 AND created_at < $3
         AND state = ANY($4) AND ($5::text IS NULL OR target = $5) ORDER BY position LIMIT $6) RETURNING id`,
      [userId, from, to, states, target?.replaceAll('\0', ''), MAX_REDELIVERED],
    );
    this.deliveries.announce(again.map(({ id }) => id));
    return again.length;
  }
}

/** SQL that makes a delivery due now if it is waiting for its next attempt. */
const NOW = `
  UPDATE deliveries SET asked = true, next_attempt_at = now(), due_at = now() + interval '5 seconds'
  WHERE user_id = $1 AND id = $2 AND state = 'retrying' AND (type LIKE 'alert.%' OR type = 'test') RETURNING id`;

/**
 * SQL that sends deliveries again. Excluded are proofs, which have their own route, and messages that the budget refused,
 * which have no text.
 */
const AGAIN = `
  UPDATE deliveries SET state = 'pending', reason = NULL, tries = 0, finished_at = NULL, digest = false, asked = true,
    next_attempt_at = now(), due_at = now() + interval '5 seconds', expires_at = now() + interval '${REDELIVERY_TTL_HOURS} hours'
  WHERE user_id = $1 AND state IN ('delivered', 'dead', 'expired', 'superseded', 'suppressed')
    AND (type LIKE 'alert.%' OR type = 'test') AND target_id IS NOT NULL AND reason IS DISTINCT FROM 'budget'`;
