import { Injectable } from '@nestjs/common';
import type { AlertMessage } from '../../notifications/index.js';
import { timeGiven } from '../../platform/input/time.js';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { withinPageBytes, type PageRow } from '../../platform/database/page-bytes.js';
import type { GroupedAlerts } from '../evaluation/alert-history-writer.js';
import type { Outcome } from '../messages/plan-messages.js';
import type { AlertHistoryQuery, AlertView } from './alert-history.dto.js';
import { pageOf, type Paged } from '../../platform/http/paging/page.js';
import { decodeNumber } from '../../platform/http/paging/list-cursor.js';

interface TransitionRow extends PageRow {
  position: number;
  rule_version: number;
  reason: string;
  at: Date;
  evaluated_at: Date;
  retracted_at: Date | null;
  alert: Omit<AlertMessage, 'state'> & { state: AlertView['state'] };
  outcome: Outcome;
  grouped: GroupedAlerts | null;
}

/** History of a user's alerts, newest first. */
@Injectable()
export class AlertHistory {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  async list(userId: string, query: AlertHistoryQuery): Promise<Paged<AlertView>> {
    const { limit, cursor, ...filters } = query;
    const scope = ['alerts', filters];
    const now = this.clock.now();
    const rows = await this.database.query<TransitionRow>(LIST, [
      userId,
      decodeNumber(scope, cursor),
      query.ruleId ?? null,
      query.state ?? null,
      query.protocol ?? null,
      query.token ?? null,
      timeGiven(query.from, now),
      timeGiven(query.to, now),
      limit + 1,
    ]);
    return pageOf(rows, { scope, limit, position: (row) => row.position, found: rows[0]?.found }, viewOf);
  }

  /** Returns the newest alert of a rule as it was sent. */
  async newest(userId: string, ruleId: string): Promise<AlertMessage | undefined> {
    const row = await this.database.one<{ alert: AlertMessage; at: Date }>(NEWEST, [userId, ruleId]);
    // Old stored alerts have no time of their own; the transition's time replaces it.
    return row && { ...row.alert, at: row.at.toISOString() };
  }
}

function viewOf({ rule_version, reason, at, evaluated_at, retracted_at, ...row }: TransitionRow): AlertView {
  const { alert, outcome, grouped } = row;
  const { type: _, protocol = null, chain = null, token = null, account, ...shown } = alert;
  return {
    alertId: shown.alertId,
    ruleId: shown.ruleId,
    ruleVersion: rule_version,
    name: shown.name,
    state: shown.state,
    reason,
    message: shown.message,
    priority: shown.priority,
    protocol,
    chain,
    token,
    ...(account === undefined ? {} : { account }),
    metric: shown.metric,
    value: shown.value,
    threshold: shown.threshold,
    explanation: shown.explanation,
    outcome,
    ...(grouped ?? { count: 1 }),
    at: at.toISOString(),
    ...(retracted_at === null ? {} : { retractedAt: retracted_at.toISOString() }),
    evaluatedAt: evaluated_at.toISOString(),
  };
}

const LIST = withinPageBytes(
  `
SELECT position, rule_version, reason, at, evaluated_at, retracted_at, alert, outcome, grouped FROM alert_transitions t
WHERE user_id = $1 AND ($2::bigint IS NULL OR t.position < $2) AND ($3::uuid IS NULL OR rule_id = $3)
  AND ($4::text IS NULL OR state = $4) AND ($5::text IS NULL OR alert ->> 'protocol' = $5)
  AND ($6::text IS NULL OR alert ->> 'token' = $6) AND ($7::timestamptz IS NULL OR at >= $7)
  AND ($8::timestamptz IS NULL OR at < $8)
ORDER BY t.position DESC LIMIT $9`,
  'history_bytes(p.alert, p.outcome, p.grouped)',
);

const NEWEST = `
SELECT alert, at FROM alert_transitions WHERE rule_id = $2 AND user_id = $1 ORDER BY position DESC LIMIT 1`;
