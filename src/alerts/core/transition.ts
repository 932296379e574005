import type { MarketRow } from './market-row.js';

/**
 * Reasons for a transition. `catch_up` is a first firing found while the evaluator catches up after it was stopped;
 * `after_snooze` and `after_flapping` report the present state (`to` has it); `edited` is a resolution because the rule was
 * changed and no longer holds.
 */
export const TRANSITION_REASONS = [
  'first_fire',
  'repeat',
  'resolved',
  'throttle_summary',
  'catch_up',
  'after_snooze',
  'after_flapping',
  'edited',
] as const;
export type TransitionReason = (typeof TRANSITION_REASONS)[number];

/** Reasons why the owner is not notified of a transition, which then is in the history only. */
export const SILENCES = ['throttled', 'snoozed', 'flapping'] as const;
export type Silence = (typeof SILENCES)[number];

export const PHASES = ['ok', 'pending', 'firing'] as const;
export type Phase = (typeof PHASES)[number];

/** Values that one condition saw at a transition of its rule. Money is US dollars, changes are fractions, times Unix ms. */
export interface LeafReading {
  /** Position of the condition: those of `conditions` first, then those of `where` in reading order. */
  readonly condition: number;
  readonly holds: boolean;
  readonly protocol: string | null;
  readonly chain: string | null;
  readonly token: string | null;
  /** Compared number: the metric, its change for `change_pct` and `change_*`, or a number in the data of an event. */
  readonly value: number | null;
  /** Metric itself, now and as published before. */
  readonly current: number | null;
  readonly previous: number | null;
  /** Reference of a change, and its time of observation. */
  readonly reference: number | null;
  readonly referenceAt: number | null;
  /** Time at which `current` was observed. */
  readonly observedAt: number | null;
}

/** Firing that a throttle held back, as the summary names it. */
export interface HeldBack {
  readonly instanceKey: string;
  readonly protocol: string | null;
  readonly chain: string | null;
  readonly token: string | null;
  /** Value compared by the decisive condition when it last began to hold; null for events without a number. */
  readonly value: number | null;
  /** Time at which it last began to hold, Unix ms. */
  readonly at: number;
  /** Number of times it began to hold. */
  readonly times: number;
  /** Set if it no longer holds at the time of the summary. Events do not hold, and so do not end. */
  readonly ended?: true;
}

/** Notification for the owner of a rule, or a silenced one. Unique by (ruleId, seq). */
export interface Transition {
  readonly ruleId: string;
  readonly ruleVersion: number;
  /** Instance of a wildcard rule that it concerns (`protocol=aave-v3`); empty for rules without wildcards and for summaries. */
  readonly instanceKey: string;
  /** Number of the transition within its rule, over its edits too; starts at 1. */
  readonly seq: number;
  readonly from: Phase;
  readonly to: Phase;
  readonly reason: TransitionReason;
  /** Number of firings held back by the throttle since the last message; summaries have it. */
  readonly suppressed: number;
  /** Firings held back by subject, oldest first, at most `MAX_HELD_BACK`; one entry for each event. */
  readonly heldBack: readonly HeldBack[];
  /** Reason why the owner is not notified of it; null: it is. */
  readonly silenced: Silence | null;
  /** Whether it must announce that further messages wait until it has been calm for a while. */
  readonly flapNotice: boolean;
  /** Time at which the rule began to hold for this instance, Unix ms; null in summaries of a rule that no longer holds. */
  readonly since: number | null;
  readonly readings: readonly LeafReading[];
  /** Row of the log that caused it; null for ticks and edits. */
  readonly event: MarketRow | null;
  /** Time of the row of the log that caused it, Unix ms. */
  readonly at: number;
}
