import type { Channel, Format, RuleQuietHours } from '../../notifications/core/index.js';
import type { RuleEventType } from '../../events/core/index.js';

/** Metrics of the market, as named in the public contract; `change_*` are fractions over the stated time. */
export const VALUE_METRICS = [
  'tvl',
  'price',
  'volume_24h',
  'market_cap',
  'change_1h',
  'change_24h',
  'change_7d',
  'points',
] as const;
export type ValueMetric = (typeof VALUE_METRICS)[number];

export const OPERATORS = ['gt', 'lt', 'gte', 'lte', 'eq', 'ne', 'change_pct'] as const;
export type Operator = (typeof OPERATORS)[number];

export const MODES = ['while_true', 'crossing', 'once'] as const;
export type Mode = (typeof MODES)[number];

/** Scope of a throttle: each subject of a rule with wildcards, or the rule as a whole. */
export const THROTTLE_SCOPES = ['subject', 'rule'] as const;
export type ThrottleScope = (typeof THROTTLE_SCOPES)[number];

export const PRIORITIES = ['low', 'normal', 'high', 'critical'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** Stands for each chain of a protocol; the total of a protocol is a condition without `chain`. */
export const EACH_CHAIN = '*';

export const RULE_LIMITS = {
  /** Conditions of one rule, those of `where` included. */
  leaves: 16,
  /** Levels of and/or/not in `where`; a bare condition is level 1. */
  depth: 4,
  /** Minimum window, seconds. */
  minWindowSeconds: 60,
  maxWindowSeconds: 2_592_000,
  maxForSeconds: 2_592_000,
  maxThrottleMinutes: 43_200,
  maxAbsenceMinutes: 43_200,
  /** Categories or tags of one condition. */
  filterNames: 50,
} as const;

/**
 * Subject of a condition. Absent `protocol` or `token`: every one, and the conditions of one rule then speak of the same one. Ids
 * are in the spelling of the log (lower case, aliases resolved).
 */
export interface ConditionSubject {
  readonly protocol?: string;
  /** Chain, for TVL only: absent is the protocol's total, `*` each chain. */
  readonly chain?: string;
  readonly token?: string;
}

/** Protocols or tokens that a wildcard takes; absent: all. */
export interface SubjectFilter {
  /** Categories, one of which the protocol must have, capitals aside. */
  readonly categories?: readonly string[];
  /** Tags, one of which the row must have; of a total, the row of any chain. */
  readonly tags?: readonly string[];
  /** Minimum total TVL of the protocol, US dollars, just before or after its last change when the condition began to hold. */
  readonly minTvl?: number;
}

/** Condition that compares a number of the market with a threshold. */
export interface ValueCondition extends ConditionSubject, SubjectFilter {
  readonly metric: ValueMetric;
  readonly operator: Operator;
  /** Threshold in US dollars; a fraction for `change_pct` and the `change_*` metrics (0.1 is 10 %). */
  readonly threshold: number;
  /** Length of the window of `change_pct`, seconds; absent: against the previous published value. */
  readonly timeWindow?: number;
  /** Direction of `change_pct`: absent is either way, unless the threshold is negative, which is down. */
  readonly direction?: 'up' | 'down';
  /** Tolerance of `eq` and `ne`, a fraction of the threshold; absent: the key's dead band. */
  readonly tolerance?: number;
}

/** Operators that compare a field of an event's data. Text has only `eq` and `ne`. */
export const FIELD_OPERATORS = ['gt', 'lt', 'gte', 'lte', 'eq', 'ne'] as const;
export type FieldOperator = (typeof FIELD_OPERATORS)[number];

/** Test of a field of an event's `data`; an event without the field, or with a value of another type, does not count. */
export interface FieldTest {
  /** Name of a member; `a.b` is a member of a member. */
  readonly field: string;
  readonly operator: FieldOperator;
  readonly threshold: number | string;
}

/**
 * Condition that holds in the moment an event of this type arrives; with `field`, `operator` and `threshold` only if its data
 * satisfies them.
 */
export interface EventCondition extends ConditionSubject, Partial<FieldTest> {
  readonly metric: 'event';
  readonly eventType: RuleEventType;
}

/**
 * Condition that holds while nothing was observed of its subject for so long, whatever was published; for a subject that was
 * never observed, since the rule was made.
 */
export interface AbsentCondition extends ConditionSubject, SubjectFilter {
  readonly metric: 'tvl' | 'price';
  readonly absent: { readonly minutes: number };
}

/** Conditions on a number of the market. */
export type NumberCondition = ValueCondition | AbsentCondition;

export type Condition = NumberCondition | EventCondition;

export function isAbsent(condition: Condition): condition is AbsentCondition {
  return 'absent' in condition;
}

/** Whether it compares a value with a threshold. */
export function isComparison(condition: Condition): condition is ValueCondition {
  return condition.metric !== 'event' && !isAbsent(condition);
}

/** Class of a condition, as alerts name it. */
export function typeOf(condition: Condition | undefined): Operator | 'absent' | 'event' {
  if (condition === undefined || condition.metric === 'event') return 'event';
  return isAbsent(condition) ? 'absent' : condition.operator;
}

/** Returns the threshold of a condition, if it has one; for an absence, minutes. */
export function thresholdOf(condition: Condition | undefined): number | null {
  if (condition === undefined) return null;
  const threshold = isAbsent(condition) ? condition.absent.minutes : condition.threshold;
  return typeof threshold === 'number' ? threshold : null;
}

/** And/or/not over conditions. */
export type Where =
  { readonly and: readonly Where[] } | { readonly or: readonly Where[] } | { readonly not: Where } | Condition;

/** Part of a rule that decides when it fires. */
export interface RuleDefinition {
  readonly ruleId: string;
  /** Version, one higher after every edit. */
  readonly version: number;
  /** Conditions that must all hold. */
  readonly conditions: readonly Condition[];
  /** Conditions that must hold as well. */
  readonly where?: Where | null;
  readonly mode: Mode;
  /** Minimum time between messages, minutes; 0: every firing is sent. */
  readonly throttleMinutes: number;
  /** Scope of the throttle; absent: `rule`, as for rules from before there was a choice. Without wildcards both are the same. */
  readonly throttleScope?: ThrottleScope;
  /** Fraction of the threshold by which the value must move back before the condition ceases to hold; 0: at once. */
  readonly hysteresis: number;
  /** Seconds that all must hold without a break before the rule fires. */
  readonly forSeconds: number;
  readonly notifyResolved: boolean;
  /** End of the snooze: no notifications before it. */
  readonly snoozedUntil?: Date | null;
  /** Version at which a `once` rule was armed again, after it had fired. */
  readonly armedVersion?: number;
  /** Time the rule was made: earlier events are not notified; absent: all events are. */
  readonly madeAt?: Date;
  /** Time from which it waits for subjects that were never observed; absent: since ever. */
  readonly createdAt?: Date;
}

export interface RuleAction {
  readonly type: Channel;
  readonly target: string;
  readonly template?: string;
  readonly format?: Format;
}

/** Rule with the fields that its owner sees. */
export interface Rule extends RuleDefinition {
  readonly userId: string;
  readonly name: string;
  readonly description?: string | null;
  readonly actions: readonly RuleAction[];
  readonly priority: Priority;
  /** Quiet hours of its messages; absent, null: its user's. */
  readonly quietHours?: RuleQuietHours;
  readonly isActive: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly lastTriggered?: Date | null;
}

/** Fault or warning of a rule, with the JSON pointer of its place. */
export interface RuleFinding {
  readonly pointer: string;
  /** Code, stable, snake_case. */
  readonly code: string;
  readonly detail: string;
}
