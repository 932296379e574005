import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import type { UserBytes } from '../../notifications/index.js';
import { onchainEventsOf } from '../core/index.js';
import { hashedId } from '../messages/alert-message.js';
import type { Storm } from '../messages/storm.js';
import type { Planned } from './transition-writer.js';

/** Maximum number of rows of one rule and hour that are written one by one. */
const MAX_ROWS_PER_HOUR = 1_000;
/** Maximum number of subjects in a grouped row. */
const MAX_SUBJECTS = 100;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Maximum number of rules whose rows are counted in memory; the counts of further rules are read from the database. */
const MAX_COUNTED = 20_000;

/** Members of a row that groups the alerts of one minute. */
export interface GroupedAlerts {
  count: number;
  firstValue: number | null;
  lastValue: number | null;
  /** Keys of the instances. */
  subjects: string[];
}

interface HistoryRow {
  id: string;
  at: Date;
  grouped: GroupedAlerts | null;
  [column: string]: unknown;
}

/**
 * Writes the history: every alert, whether its owner was notified or not. For a rule over the hourly maximum, and for a
 * user whose storage budget is used up, it writes one row per minute.
 */
@Injectable()
export class AlertHistoryWriter {
  /** Current hour and number of rows in it, by rule. */
  private readonly counts = new Map<string, { hour: number; rows: number }>();

  /** Records alerts; returns the number of bytes stored for each user. */
  async record(tx: PoolClient, plans: readonly Planned[], storms: readonly Storm[]): Promise<UserBytes[]> {
    const groupOf = new Map(storms.flatMap((storm) => storm.alertIds.map((id) => [id, storm.delivery.data.alertId])));
    await this.countEarlier(tx, plans);
    const rows: HistoryRow[] = [];
    const grouped = new Map<string, HistoryRow>();
    for (const plan of plans) {
      const groupedIn = groupOf.get(plan.alert.alertId);
      const row = rowOf(plan, groupedIn);
      const isSentAlone = plan.outcome.messages > 0 && groupedIn === undefined;
      // An alert that was sent must be found if its on-chain event is retracted.
      const isSent = isSentAlone || (plan.outcome.messages > 0 && row['onchain_ids'] !== null);
      const isWhole = (this.count(plan) <= MAX_ROWS_PER_HOUR && !plan.isOverBudget) || isSent;
      if (isWhole) rows.push(row);
      else addTo(grouped, row, plan);
    }
    const stored: UserBytes[] = [];
    if (rows.length > 0) stored.push(...(await tx.query<UserBytes>(RECORD, [JSON.stringify(rows)])).rows);
    if (grouped.size > 0)
      stored.push(...(await tx.query<UserBytes>(GROUP, [JSON.stringify([...grouped.values()])])).rows);
    return stored;
  }

  private count({ transition }: Planned): number {
    const hour = Math.floor(transition.at / HOUR_MS);
    const known = this.counts.get(transition.ruleId);
    const rows = known?.hour === hour ? known.rows + 1 : 1;
    this.counts.set(transition.ruleId, { hour, rows });
    return rows;
  }

  /**
   * Reads the number of earlier rows in this hour. A rule whose transitions in total are few cannot have reached the
   * maximum, so only the rows of other rules are counted.
   */
  private async countEarlier(tx: PoolClient, plans: readonly Planned[]): Promise<void> {
    if (this.counts.size > MAX_COUNTED) this.counts.clear();
    const unknown = new Map<string, number>();
    for (const { transition } of plans) {
      const hour = Math.floor(transition.at / HOUR_MS);
      if (transition.seq > MAX_ROWS_PER_HOUR && this.counts.get(transition.ruleId)?.hour !== hour)
        unknown.set(transition.ruleId, hour);
    }
    if (unknown.size === 0) return;
    const hours = [...unknown.values()].map((hour) => new Date(hour * HOUR_MS));
    const { rows } = await tx.query<{ rule_id: string; rows: number }>(COUNT, [[...unknown.keys()], hours]);
    for (const row of rows) this.counts.set(row.rule_id, { hour: unknown.get(row.rule_id) ?? 0, rows: row.rows });
  }
}

function rowOf({ transition, rule, alert, outcome }: Planned, groupedIn: string | undefined): HistoryRow {
  const onchainIds = onchainEventsOf(transition).all;
  return {
    id: alert.alertId,
    user_id: rule.userId,
    rule_id: transition.ruleId,
    rule_version: transition.ruleVersion,
    instance_key: transition.instanceKey,
    seq: transition.seq,
    state: alert.state,
    reason: transition.reason,
    at: new Date(transition.at),
    alert,
    outcome: groupedIn === undefined ? outcome : { ...outcome, groupedIn },
    grouped: null,
    onchain_ids: onchainIds.length === 0 ? null : onchainIds,
    event_seq: onchainIds.length === 0 ? null : (transition.event?.seq ?? null),
  };
}

function addTo(groups: Map<string, HistoryRow>, row: HistoryRow, { transition, alert, outcome }: Planned): void {
  const minute = Math.floor(transition.at / MINUTE_MS);
  const id = hashedId(['minute', transition.ruleId, minute, alert.state, outcome.suppressed ?? '']);
  const group = groups.get(id)?.grouped;
  const subject = transition.instanceKey || subjectOf(alert);
  if (group) {
    group.count += 1;
    group.lastValue = alert.value;
    if (subject !== '' && group.subjects.length < MAX_SUBJECTS && !group.subjects.includes(subject))
      group.subjects.push(subject);
    return;
  }
  const subjects = subject === '' ? [] : [subject];
  groups.set(id, { ...row, id, grouped: { count: 1, firstValue: alert.value, lastValue: alert.value, subjects } });
}

function subjectOf({
  protocol,
  chain,
  token,
  account,
}: Partial<Record<'protocol' | 'chain' | 'token' | 'account', string>>): string {
  return Object.entries({ protocol, chain, token, account })
    .filter(([, name]) => name !== undefined)
    .map(([what, name]) => `${what}=${name}`)
    .join(',');
}

const COLUMNS = `id, user_id, rule_id, rule_version, instance_key, seq, state, reason, at, alert, outcome, onchain_ids, event_seq`;

const GIVEN = `jsonb_to_recordset($1::jsonb) AS g (id uuid, user_id text, rule_id uuid, rule_version int, instance_key text,
  seq bigint, state text, reason text, at timestamptz, alert jsonb, outcome jsonb, grouped jsonb, onchain_ids text[],
  event_seq bigint)`;

const RECORD = `
INSERT INTO alert_transitions (${COLUMNS}) SELECT ${COLUMNS} FROM ${GIVEN}
RETURNING user_id, history_bytes(alert, outcome, NULL) AS bytes`;

const GROUP = `
INSERT INTO alert_transitions AS t (${COLUMNS}, grouped) SELECT ${COLUMNS}, grouped FROM ${GIVEN}
ON CONFLICT (id) DO UPDATE SET grouped = jsonb_build_object(
  'count', (t.grouped ->> 'count')::int + (excluded.grouped ->> 'count')::int,
  'firstValue', t.grouped -> 'firstValue', 'lastValue', excluded.grouped -> 'lastValue',
  'subjects', (SELECT coalesce(jsonb_agg(name), '[]') FROM (
     SELECT name FROM jsonb_array_elements((t.grouped -> 'subjects') || (excluded.grouped -> 'subjects'))
       WITH ORDINALITY AS s (name, place) GROUP BY name ORDER BY min(place) LIMIT ${MAX_SUBJECTS}) named))
RETURNING user_id, CASE WHEN t.xmax = 0 THEN history_bytes(alert, outcome, grouped) ELSE 0 END AS bytes`;

const COUNT = `
SELECT k.rule_id, count(t.id)::int AS rows FROM unnest($1::uuid[], $2::timestamptz[]) AS k (rule_id, hour)
CROSS JOIN LATERAL (
  SELECT id FROM (SELECT id, at FROM alert_transitions WHERE rule_id = k.rule_id ORDER BY position DESC
                  LIMIT ${2 * MAX_ROWS_PER_HOUR}) newest WHERE at >= k.hour) t
GROUP BY k.rule_id`;
