import type { Channel, Format, RuleQuietHours } from '../../../notifications/core/index.js';
import type { Finality, RuleEventType } from '../../../events/core/index.js';

/** Metrics of the market, as named in the public contract; `change_*` are fractions over the time in their name. */
export const VALUE_METRICS = [
  'tvl',
  'price',
  'volume_24h',
  'market_cap',
  'change_1h',
  'change_24h',
  'change_7d',
  'points',
  'staked_tokens',
] as const;
export type ValueMetric = (typeof VALUE_METRICS)[number];

export const OPERATORS = ['gt', 'lt', 'gte', 'lte', 'eq', 'ne', 'change_pct'] as const;
export type Operator = (typeof OPERATORS)[number];

export const MODES = ['while_true', 'crossing', 'once'] as const;
export type Mode = (typeof MODES)[number];

/** Scope of a throttle: each subject of a wildcard rule separately, or the rule as a whole. */
export const THROTTLE_SCOPES = ['subject', 'rule'] as const;
export type ThrottleScope = (typeof THROTTLE_SCOPES)[number];

const PRIORITIES = ['low', 'normal', 'high', 'critical'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** Chain wildcard: each chain of a protocol separately. A condition without `chain` is about the protocol's total. */
export const EACH_CHAIN = '*';

export const RULE_LIMITS = {
  /** Maximum number of conditions of one rule, including those in `where`. */
  leaves: 16,
  /** Maximum nesting of and/or/not in `where`; a single condition is level 1. */
  depth: 4,
  /** Minimum window, seconds. */
  minWindowSeconds: 60,
  maxWindowSeconds: 2_592_000,
  maxForSeconds: 2_592_000,
  maxThrottleMinutes: 43_200,
  maxAbsenceMinutes: 43_200,
  /** Maximum number of categories or tags of one condition. */
  filterNames: 50,
} as const;

/**
 * Subject of a condition. Without `protocol`, `token` or `account` it is about all of them, and all conditions of the rule are then
 * about the same one. Ids have the spelling of the log (lower case, aliases resolved).
 */
export interface ConditionSubject {
  readonly protocol?: string;
  /** Chain, for TVL only. Absent: the protocol's total; `*`: each chain. */
  readonly chain?: string;
  readonly token?: string;
  /** Address, for points and staked tokens only. Absent: each account. */
  readonly account?: string;
}

/** Filter that limits the protocols or tokens of a wildcard; absent: all. */
export interface SubjectFilter {
  /** Categories of which the protocol must have one, ignoring case. */
  readonly categories?: readonly string[];
  /** Tags of which the row must have one; for a total, the row of any of its chains. */
  readonly tags?: readonly string[];
  /**
   * Minimum total TVL of the protocol, US dollars. When the condition begins to hold, the total before or after its last
   * change must reach it.
   */
  readonly minTvl?: number;
}

/** Condition that compares a number of the market with a threshold. */
export interface ValueCondition extends ConditionSubject, SubjectFilter {
  readonly metric: ValueMetric;
  readonly operator: Operator;
  /** Threshold in US dollars; for `change_pct` and `change_*` metrics, a fraction (0.1 is 10 %). */
  readonly threshold: number;
  /** Length of the window of `change_pct`, seconds; absent: the change from the previous published value. */
  readonly timeWindow?: number;
  /** Direction of `change_pct`. Absent: both directions, or down if the threshold is negative. */
  readonly direction?: 'up' | 'down';
  /** Tolerance of `eq` and `ne`, as a fraction of the threshold; absent: the dead band of the key. */
  readonly tolerance?: number;
}

/** Operators that compare a field of an event's data. Text has only `eq` and `ne`. */
export const FIELD_OPERATORS = ['gt', 'lt', 'gte', 'lte', 'eq', 'ne'] as const;
export type FieldOperator = (typeof FIELD_OPERATORS)[number];

/**
 * Test of a field in the `data` of an event; an event without the field, or with another type of value, fails the test.
 */
export interface FieldTest {
  /** Name of a member of `data`; `a.b` is the member `b` of the member `a`. */
  readonly field: string;
  readonly operator: FieldOperator;
  readonly threshold: number | string;
}

/**
 * Condition that holds only for an event of this type; with `field`, `operator` and `threshold`, only if the event's data
 * passes this test.
 */
export interface EventCondition extends ConditionSubject, Partial<FieldTest> {
  readonly metric: 'event';
  readonly eventType: RuleEventType;
}

/**
 * Condition that holds while its subject has not been observed for `absent.minutes`, published or not. For a subject that
 * was never observed, the time since the creation of the rule counts.
 */
export interface AbsentCondition extends ConditionSubject, SubjectFilter {
  readonly metric: 'tvl' | 'price';
  readonly absent: { readonly minutes: number };
}

/** Condition on a number of the market. */
export type NumberCondition = ValueCondition | AbsentCondition;

export type Condition = NumberCondition | EventCondition;

export function isAbsent(condition: Condition): condition is AbsentCondition {
  return 'absent' in condition;
}

/** Whether the condition compares a value with a threshold. */
export function isComparison(condition: Condition): condition is ValueCondition {
  return condition.metric !== 'event' && !isAbsent(condition);
}

/** Kind of a condition, as alerts name it. */
export function typeOf(condition: Condition | undefined): Operator | 'absent' | 'event' {
  if (condition === undefined || condition.metric === 'event') return 'event';
  return isAbsent(condition) ? 'absent' : condition.operator;
}

/** Returns the threshold of a condition, for an absence its minutes; null if there is none. */
export function thresholdOf(condition: Condition | undefined): number | null {
  if (condition === undefined) return null;
  const threshold = isAbsent(condition) ? condition.absent.minutes : condition.threshold;
  return typeof threshold === 'number' ? threshold : null;
}

/** And/or/not tree over conditions. */
export type Where =
  { readonly and: readonly Where[] } | { readonly or: readonly Where[] } | { readonly not: Where } | Condition;

/** Members of a rule that determine when it fires. */
export interface RuleDefinition {
  readonly ruleId: string;
  /** Version; increases by one with every edit. */
  readonly version: number;
  /** Conditions that must all hold. */
  readonly conditions: readonly Condition[];
  /** Tree of conditions that must hold in addition. */
  readonly where?: Where | null;
  readonly mode: Mode;
  /** Minimum time between messages, minutes; 0: every firing is sent. */
  readonly throttleMinutes: number;
  /**
   * Scope of the throttle; absent: `rule`, the only scope of older rules. For rules without wildcards both are the same.
   */
  readonly throttleScope?: ThrottleScope;
  /** Fraction of the threshold by which the value must move back before the condition ceases to hold; 0: at once. */
  readonly hysteresis: number;
  /** Time for which the rule must hold without interruption before it fires, seconds. */
  readonly forSeconds: number;
  readonly notifyResolved: boolean;
  /** Rows of on-chain events that count: as soon as an event is seen, or once its block is final; absent: `instant`. */
  readonly finality?: Finality;
  /** End of the snooze: no notifications before it. */
  readonly snoozedUntil?: Date | null;
  /** Version at which a `once` rule that had fired was rearmed. */
  readonly armedVersion?: number;
  /** Creation time of the rule: firings by earlier events are not notified; absent: all firings are. */
  readonly madeAt?: Date;
  /** Time from which subjects that were never observed count as absent; absent: always. */
  readonly createdAt?: Date;
}

export interface RuleAction {
  readonly type: Channel;
  readonly target: string;
  readonly template?: string;
  readonly format?: Format;
  /** Rows of on-chain events for which the action is sent; absent: as the rule. `final`: each message waits until its events are final. */
  readonly finality?: Finality;
}

/** Rule with all members that its owner sees. */
export interface Rule extends RuleDefinition {
  readonly userId: string;
  readonly name: string;
  readonly description?: string | null;
  readonly actions: readonly RuleAction[];
  readonly priority: Priority;
  /** Quiet hours for messages of this rule; absent or null: those of its user. */
  readonly quietHours?: RuleQuietHours;
  readonly isActive: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly lastTriggered?: Date | null;
}

/** Error or warning about a rule, with the JSON pointer of its place. */
export interface RuleFinding {
  readonly pointer: string;
  /** Stable code in snake_case. */
  readonly code: string;
  readonly detail: string;
}
