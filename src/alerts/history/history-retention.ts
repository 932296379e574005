import { Injectable } from '@nestjs/common';
import { Retention, StorageBudget } from '../../notifications/index.js';
import { Database } from '../../platform/database/database.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { Settings } from '../../platform/settings/settings.js';

/** Deletes alerts, and versions of deleted rules, after ALERT_HISTORY_DAYS. */
@Injectable()
export class HistoryRetention extends Retention {
  private readonly days: number;

  constructor(database: Database, budget: StorageBudget, settings: Settings, loops: BackgroundLoops) {
    super(database, budget, loops, {
      loop: 'alert_history_retention',
      days: settings.alertHistoryDays,
      old: OLD,
      early: EARLY,
      ended,
    });
    this.days = settings.alertHistoryDays;
  }

  override async forget(stop: AbortSignal = new AbortController().signal): Promise<void> {
    await super.forget(stop);
    while (!stop.aborted && (await this.endVersions()) > 0);
  }

  /** Deletes versions of deleted rules; returns the number of these rules. */
  private async endVersions(): Promise<number> {
    const row = await this.database.one<{ rules: number }>('SELECT end_rule_versions($1) AS rules', [this.days]);
    return row?.rules ?? 0;
  }
}

const OLD = `SELECT id FROM alert_transitions WHERE at < now() - $1::float8 * interval '1 day' LIMIT $2`;

const EARLY = `
  SELECT id FROM (SELECT id, at FROM alert_transitions WHERE user_id = $1 ORDER BY position LIMIT $2) oldest
  WHERE at < now() - interval '1 day'`;

function ended(which: string): string {
  return `
  WITH gone AS (DELETE FROM alert_transitions WHERE id IN (${which}) RETURNING user_id, alert, outcome, grouped)
  SELECT user_id, count(*) AS rows, sum(history_bytes(alert, outcome, grouped))::bigint AS bytes FROM gone GROUP BY user_id`;
}
