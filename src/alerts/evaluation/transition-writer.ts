import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { appendEvents } from '../../events/index.js';
import { DEFAULT_PREFERENCES, Deliveries, PreferenceStore, type UserPreferences } from '../../notifications/index.js';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import type { Condition, Transition, Where } from '../core/index.js';
import { alertMessage } from '../messages/alert-message.js';
import { overBudget, planMessages, type MessagePlan, type RuleTransition } from '../messages/plan-messages.js';
import { groupStorms } from '../messages/storm.js';
import { ruleColumns, ruleOf, type RuleRow } from '../rules/rule-row.js';
import { AlertMetrics } from './alert-metrics.js';
import { AlertHistoryWriter } from './alert-history-writer.js';
import { alertEvent } from './alert-event.js';
import { settleChainRows, type ChainRows } from './chain-rows.js';
import { actionsByFirings } from './notified-targets.js';

/** Preferences of the rules' owners, and the ids of owners whose storage budget is used up. */
export interface Owners {
  readonly preferences: ReadonlyMap<string, UserPreferences>;
  readonly full: ReadonlySet<string>;
}

export type Planned = RuleTransition & MessagePlan & { readonly isOverBudget: boolean };

/**
 * Writes transitions and all that results from them, in the evaluator's transaction: history, messages, and events for
 * the owner's sockets. Transitions of deleted or deactivated rules are dropped. A transition that is already recorded is
 * an error: commits are never repeated, so a different transition must have the same number.
 */
@Injectable()
export class TransitionWriter {
  constructor(
    private readonly database: Database,
    private readonly deliveries: Deliveries,
    private readonly preferences: PreferenceStore,
    private readonly clock: Clock,
    private readonly metrics: AlertMetrics,
    private readonly history: AlertHistoryWriter,
  ) {}

  /**
   * Returns the owners. Must be called before the transaction, because a second connection might not be free during it.
   */
  async ownersOf(transitions: readonly Transition[]): Promise<Owners> {
    if (transitions.length === 0) return { preferences: new Map(), full: new Set() };
    const rows = await this.database.query<{ user_id: string }>(
      'SELECT DISTINCT user_id FROM alert_rules WHERE rule_id = ANY ($1::uuid[])',
      [transitions.map((transition) => transition.ruleId)],
    );
    const users = rows.map((row) => row.user_id);
    return { preferences: await this.preferences.ofAll(users), full: await this.deliveries.full(users) };
  }

  /** Writes transitions; returns the ids of their deliveries, which must be announced after the commit. */
  async write(tx: PoolClient, transitions: readonly Transition[], owners: Owners): Promise<string[]> {
    const entries = await this.withRules(tx, transitions);
    if (entries.length === 0) return [];
    const plans = this.plan(entries, owners);
    const { single, storms } = groupStorms(plans.flatMap((plan) => plan.deliveries));
    const stored = await this.history.record(tx, plans, storms);
    const notified = plans.filter(({ outcome }) => outcome.suppressed === undefined);
    await appendEvents(
      tx,
      notified.map(({ alert, rule, transition }) => alertEvent(alert, rule.userId, transition.at)),
    );
    const ids = await this.deliveries.create(tx, [...single, ...storms.map((storm) => storm.delivery)], stored);
    this.metrics.count(plans);
    return ids;
  }

  /**
   * Writes what follows from rows about chains: alerts whose events were retracted are taken back, and messages whose events are
   * final are released. To be called after the transitions of earlier rows were written.
   */
  async settle(tx: PoolClient, rows: ChainRows, shard: number): Promise<string[]> {
    return settleChainRows(tx, this.deliveries, rows, shard, this.clock.now());
  }

  /** Returns the transitions with their rules: the current versions, but with the conditions that the evaluator used. */
  private async withRules(tx: PoolClient, transitions: readonly Transition[]): Promise<RuleTransition[]> {
    const { rows } = await tx.query<RuleRow>(TRIGGER, [
      transitions.map((transition) => transition.ruleId),
      transitions.map(({ at, silenced }) => (silenced ? null : new Date(at))),
    ]);
    const rules = new Map(rows.map((row) => [row.rule_id, ruleOf(row)]));
    const older = transitions.filter(({ ruleId, ruleVersion }) => (rules.get(ruleId)?.version ?? 0) > ruleVersion);
    const conditions = older.length === 0 ? undefined : await conditionsOf(tx, older);
    const actionsFor = await actionsByFirings(tx, transitions, rules);
    return transitions.flatMap((transition) => {
      const current = rules.get(transition.ruleId);
      if (current === undefined) return [];
      const rule = { ...current, actions: actionsFor(transition, current) };
      const judged = conditions?.get(`${transition.ruleId} ${transition.ruleVersion}`);
      return [{ transition, rule, alert: alertMessage({ ...rule, ...judged }, transition) }];
    });
  }

  private plan(entries: readonly RuleTransition[], { preferences, full }: Owners): Planned[] {
    const now = this.clock.now();
    return entries.map((entry) => {
      const { userId } = entry.rule;
      const plan = planMessages(entry, preferences.get(userId) ?? DEFAULT_PREFERENCES, now);
      const isOverBudget = full.has(userId);
      return { ...entry, ...(isOverBudget ? overBudget(plan) : plan), isOverBudget };
    });
  }
}

async function conditionsOf(
  tx: PoolClient,
  transitions: readonly Transition[],
): Promise<Map<string, { conditions: Condition[]; where: Where | null }>> {
  const { rows } = await tx.query<{ id: string; conditions: Condition[]; where: Where | null }>(
    `SELECT rule_id || ' ' || version AS id, rule -> 'conditions' AS conditions, nullif(rule -> 'where', 'null') AS where
     FROM alert_rule_versions
     JOIN unnest($1::uuid[], $2::int[]) AS judged (rule_id, version) USING (rule_id, version)`,
    [transitions.map((transition) => transition.ruleId), transitions.map((transition) => transition.ruleVersion)],
  );
  return new Map(rows.map(({ id, ...judged }) => [id, judged]));
}

const TRIGGER = `
UPDATE alert_rules r SET last_triggered_at = greatest(r.last_triggered_at, newest.at)
FROM (SELECT rule_id, max(at) AS at FROM unnest($1::uuid[], $2::timestamptz[]) AS given (rule_id, at) GROUP BY rule_id) newest
WHERE r.rule_id = newest.rule_id AND r.is_active RETURNING ${ruleColumns('r')}`;
