import type { MarketRow } from './market-row.js';

/**
 * Why a transition happened. `catch_up` is a first firing found while the evaluator makes up for time it was away;
 * `after_snooze` and `after_flapping` say how things are by now (`to` tells which way); `edited` is a resolution because
 * the rule was changed and holds no longer.
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

/** Why the owner is not notified of a transition, which then is in the history only. */
export const SILENCES = ['throttled', 'snoozed', 'flapping'] as const;
export type Silence = (typeof SILENCES)[number];

export const PHASES = ['ok', 'pending', 'firing'] as const;
export type Phase = (typeof PHASES)[number];

/** What one condition saw when its rule told something. Money is US dollars, changes are fractions, times Unix ms. */
export interface LeafReading {
  /** Position of the condition: those of `conditions` first, then those of `where` in reading order. */
  readonly condition: number;
  readonly holds: boolean;
  readonly protocol: string | null;
  readonly chain: string | null;
  readonly token: string | null;
  /** Compared number: the metric, its change for `change_pct` and `change_*`, or a number in the data of an event. */
  readonly value: number | null;
  /** The metric itself, now and as published before. */
  readonly current: number | null;
  readonly previous: number | null;
  /** What the change is measured against, and when that was observed. */
  readonly reference: number | null;
  readonly referenceAt: number | null;
  /** When `current` was observed. */
  readonly observedAt: number | null;
}

/** A firing that a throttle kept back, as the summary names it. */
export interface HeldBack {
  readonly instanceKey: string;
  readonly protocol: string | null;
  readonly chain: string | null;
  readonly token: string | null;
  /** What the decisive condition compared when it last began to hold; null of events without a number. */
  readonly value: number | null;
  /** When it last began to hold, Unix ms. */
  readonly at: number;
  /** How often it did. */
  readonly times: number;
  /** It holds no longer at the time of the summary. Events do not hold, and so do not end. */
  readonly ended?: true;
}

/** One thing to tell the owner of a rule. Unique by (ruleId, seq). */
export interface Transition {
  readonly ruleId: string;
  readonly ruleVersion: number;
  /** What of a wildcard rule this is about (`protocol=aave-v3`); empty for rules without wildcards and for summaries. */
  readonly instanceKey: string;
  /** Counts the transitions of the rule, over its edits too; starts at 1. */
  readonly seq: number;
  readonly from: Phase;
  readonly to: Phase;
  readonly reason: TransitionReason;
  /** Firings that were kept back by the throttle since the last message; told by summaries. */
  readonly suppressed: number;
  /** Those firings by subject, oldest first, at most `MOST_HELD_BACK`; one entry for each event. */
  readonly heldBack: readonly HeldBack[];
  /** Why nobody is notified of it; null: its owner is. */
  readonly silenced: Silence | null;
  /** Whether it must say that the next ones will not come until it has been calm for a while. */
  readonly flapNotice: boolean;
  /** When the rule began to hold for this instance, Unix ms; null in summaries of a rule that holds no longer. */
  readonly since: number | null;
  readonly readings: readonly LeafReading[];
  /** The row of the log that caused it; null for ticks and edits. */
  readonly event: MarketRow | null;
  /** Time of the row of the log that caused it, Unix ms. */
  readonly at: number;
}
