/** Why a transition happened. `catch_up` is a first firing found while the evaluator makes up for time it was away. */
export type TransitionReason = 'first_fire' | 'repeat' | 'resolved' | 'throttle_summary' | 'catch_up';

export type Phase = 'ok' | 'pending' | 'firing';

/** What one condition saw when its rule told something. Money is US dollars, changes are fractions, times Unix ms. */
export interface LeafReading {
  /** Position of the condition: those of `conditions` first, then those of `where` in reading order. */
  readonly condition: number;
  readonly holds: boolean;
  readonly protocol: string | null;
  readonly chain: string | null;
  readonly token: string | null;
  /** What was compared: the metric, or its change for `change_pct` and `change_*`. */
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
  /** When the rule began to hold for this instance, Unix ms; null in summaries of a rule that holds no longer. */
  readonly since: number | null;
  readonly readings: readonly LeafReading[];
  /** Time of the row of the log that caused it, Unix ms. */
  readonly at: number;
}
