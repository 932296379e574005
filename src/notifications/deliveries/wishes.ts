import type { PoolClient } from 'pg';
import type { DeliveryLimits } from '../core/delivery-admission.js';
import {
  completePreferences,
  DEFAULT_PREFERENCES,
  type RuleQuietHours,
  type UserPreferences,
} from '../core/preferences.js';
import { reasonAgainst, type RuleNow, type WantedQuestion } from '../core/still-wanted.js';
import { withoutRules } from '../core/storm-message.js';
import type { CandidateRow } from '../core/delivery-row.js';

/** Current preferences of users and current state of their rules, for the deliveries of a claim. */
export class Wishes {
  constructor(
    private readonly preferences: ReadonlyMap<string, UserPreferences>,
    private readonly rules: ReadonlyMap<string, RuleNow>,
    /** Number of attempts in the last minute by user, and by user and host. */
    readonly sent: Map<string, number>,
  ) {}

  /** Returns the number of attempts in the last minute of the delivery's user: to all hosts, and to the same host. */
  used(row: CandidateRow): { ofUser: number; toHost: number } {
    return { ofUser: this.sent.get(row.user_id) ?? 0, toHost: this.sent.get(hostKey(row)) ?? 0 };
  }

  /** Counts a delivery that is sent now. */
  leaves(row: CandidateRow): void {
    for (const key of [row.user_id, hostKey(row)]) this.sent.set(key, (this.sent.get(key) ?? 0) + 1);
  }

  /** Returns the message to send now. Rules that no longer want it are left out, unless the user resent it unchanged. */
  messageOf(row: CandidateRow, now: number): object {
    const { rule_ids: ids, asked, data } = row;
    if (asked || ids === null || ids.length < 2) return data;
    const question = this.question(row);
    const unwanted = ids.filter((id) => reasonAgainst(this.rules.get(id), question, now) !== undefined);
    return withoutRules(data, new Set(unwanted));
  }

  question(row: CandidateRow): WantedQuestion {
    const { type, channel, target, priority, digest, attempts, asked, before } = row;
    return {
      type,
      channel,
      target,
      priority,
      digest,
      attempts,
      asked,
      before,
      beforeNext: row.before_next?.getTime() ?? 0,
      isEnd: row.is_end,
      createdAt: row.created_at.getTime(),
      verifiedAt: row.verified_at?.getTime() ?? null,
      preferences: this.preferences.get(row.user_id) ?? DEFAULT_PREFERENCES,
      rules: row.rule_ids?.map((id) => this.rules.get(id)) ?? null,
    };
  }
}

/**
 * Reads rules and preferences from the database, never from memory. The statement waits for rules that are being edited,
 * and an edit waits for this transaction: after an edit is acknowledged, no message that it forbids can be claimed. Attempts are counted only for limits that are set.
 */
export async function askWishes(
  tx: PoolClient,
  rows: readonly CandidateRow[],
  { userRate, hostRate }: Pick<DeliveryLimits, 'userRate' | 'hostRate'>,
): Promise<Wishes> {
  const ids = [...new Set(rows.flatMap((row) => row.rule_ids ?? []))];
  const users = [...new Set(rows.filter(({ type }) => type.startsWith('alert.')).map((row) => row.user_id))];
  const rules = ids.length === 0 ? [] : (await tx.query<RuleRow>(RULES, [ids])).rows;
  const preferences = users.length === 0 ? [] : (await tx.query<PreferencesRow>(PREFERENCES, [users])).rows;
  const counts = userRate > 0 || hostRate > 0;
  const sent = users.length === 0 || !counts ? [] : (await tx.query<SentRow>(SENT, [users])).rows;
  return new Wishes(
    new Map(preferences.map((row) => [row.user_id, completePreferences(row.preferences)])),
    new Map(rules.map((row) => [row.rule_id, ruleNow(row)])),
    countsOf(sent),
  );
}

interface SentRow {
  user_id: string;
  host: string | null;
  sent: number;
}

function hostKey({ user_id: user, host }: Pick<CandidateRow, 'user_id' | 'host'>): string {
  return `${user}\0${host ?? ''}`;
}

function countsOf(rows: readonly SentRow[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const row of rows) {
    counts.set(row.user_id, (counts.get(row.user_id) ?? 0) + row.sent);
    if (row.host !== null) counts.set(hostKey(row), row.sent);
  }
  return counts;
}

interface RuleRow {
  rule_id: string;
  is_active: boolean;
  snoozed_until: Date | null;
  actions: RuleNow['actions'];
  quiet_hours: RuleQuietHours;
}

interface PreferencesRow {
  user_id: string;
  preferences: Partial<UserPreferences>;
}

function ruleNow({ is_active: isActive, snoozed_until: until, actions, quiet_hours: quietHours }: RuleRow): RuleNow {
  return { isActive, snoozedUntil: until?.getTime() ?? null, actions, quietHours };
}

const RULES = `SELECT rule_id, is_active, snoozed_until, actions, quiet_hours FROM alert_rules WHERE rule_id = ANY($1::uuid[])
  ORDER BY rule_id FOR KEY SHARE`;

const PREFERENCES = 'SELECT user_id, preferences FROM notification_preferences WHERE user_id = ANY($1)';

const SENT = `SELECT d.user_id, t.host, count(*)::int AS sent FROM deliveries d
  JOIN notification_targets t ON t.id = d.target_id
  WHERE d.user_id = ANY($1) AND d.started_at > now() - interval '1 minute' GROUP BY d.user_id, t.host`;
