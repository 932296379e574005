import type { Finality } from '../../events/index.js';
import type { RuleQuietHours } from '../../notifications/core/index.js';
import type { Condition, Mode, Priority, Rule, RuleAction, ThrottleScope, Where } from '../core/index.js';

/** Row of `alert_rules`. */
export interface RuleRow {
  rule_id: string;
  /** Position in the list, for its cursor; a string, because it may exceed 2^53. */
  position: string;
  user_id: string;
  shard: number;
  name: string;
  description: string | null;
  conditions: Condition[];
  where_tree: Where | null;
  actions: RuleAction[];
  throttle_minutes: number;
  throttle_scope: ThrottleScope;
  armed_version: number;
  mode: Mode;
  hysteresis: number;
  for_seconds: number;
  notify_resolved: boolean;
  finality: Finality;
  priority: Priority;
  quiet_hours: RuleQuietHours;
  is_active: boolean;
  snoozed_until: Date | null;
  created_at: Date;
  updated_at: Date;
  last_triggered_at: Date | null;
  version: number;
}

/** Returns the columns of a `RuleRow`, qualified with this table name. */
export const ruleColumns = (table: string): string =>
  `rule_id position::text user_id shard name description conditions where_tree actions throttle_minutes throttle_scope armed_version mode hysteresis
   for_seconds notify_resolved finality priority quiet_hours is_active snoozed_until created_at updated_at last_triggered_at version`
    .split(/\s+/)
    .map((column) => `${table}.${column}`)
    .join(', ');

export function ruleOf(row: RuleRow): Rule {
  return {
    ruleId: row.rule_id,
    userId: row.user_id,
    name: row.name,
    description: row.description,
    conditions: row.conditions,
    where: row.where_tree,
    actions: row.actions,
    throttleMinutes: row.throttle_minutes,
    throttleScope: row.throttle_scope,
    armedVersion: row.armed_version,
    mode: row.mode,
    hysteresis: row.hysteresis,
    forSeconds: row.for_seconds,
    notifyResolved: row.notify_resolved,
    finality: row.finality,
    priority: row.priority,
    quietHours: row.quiet_hours,
    isActive: row.is_active,
    snoozedUntil: row.snoozed_until,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    lastTriggered: row.last_triggered_at,
    version: row.version,
  };
}
