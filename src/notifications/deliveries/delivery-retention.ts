import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { Settings } from '../../platform/settings/settings.js';
import { Retention } from './retention.js';
import { StorageBudget } from './storage-budget.js';

/** Deletes finished deliveries and their attempts after DELIVERY_RETENTION_DAYS. */
@Injectable()
export class DeliveryRetention extends Retention {
  constructor(database: Database, budget: StorageBudget, settings: Settings, loops: BackgroundLoops) {
    super(database, budget, loops, {
      loop: 'delivery_retention',
      days: settings.deliveryRetentionDays,
      old: OLD,
      early: EARLY,
      ended,
    });
  }
}

const FINISHED = `state NOT IN ('pending', 'retrying', 'sending')`;

const OLD = `SELECT id FROM deliveries WHERE created_at < now() - $1 * interval '1 day' AND ${FINISHED} LIMIT $2`;

const EARLY = `
  SELECT id FROM (SELECT id, created_at, state FROM deliveries WHERE user_id = $1 ORDER BY position LIMIT $2) oldest
  WHERE created_at < now() - interval '1 day' AND ${FINISHED}`;

/** Returns the SQL that deletes deliveries. PostgreSQL deletes their attempts only after the statement, which still counts them. */
function ended(which: string): string {
  return `
  WITH gone AS (DELETE FROM deliveries WHERE id IN (${which}) RETURNING id, user_id, type, data)
  SELECT user_id, count(*) AS rows, sum(delivery_bytes(type, data) + coalesce((
    SELECT sum(attempt_bytes(n, outcome, detail, response_head)) FROM delivery_attempts WHERE delivery_id = gone.id), 0))::bigint
    AS bytes
  FROM gone GROUP BY user_id`;
}
