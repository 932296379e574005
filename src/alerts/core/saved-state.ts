import type { HeldBack, LeafReading, Phase } from './transition.js';

/** Saved state of a rule as a whole. Times are Unix ms; 0 is never. */
export interface SavedRule {
  readonly ruleId: string;
  readonly ruleVersion: number;
  /** Number of transitions so far. */
  readonly seq: number;
  /** End of the throttle: no message before it. */
  readonly throttledUntil: number;
  /** Number of firings held back since the last message. */
  readonly suppressed: number;
  /** Held back firings that the summary will name. */
  readonly heldBack: readonly HeldBack[];
  /** Whether it is a `once` rule that has fired. */
  readonly spent: boolean;
  /** Firings that an edit ended while the rule was snoozed, still to be resolved. */
  readonly farewells: readonly Farewell[];
}

/** Firing that its owner was notified of, with its last values before an edit of its rule ended it. */
export interface Farewell {
  readonly instanceKey: string;
  /** Version of the rule that fired, to which the readings belong. */
  readonly ruleVersion: number;
  /** Time it began to hold, Unix ms; null: unknown. */
  readonly since: number | null;
  readonly readings: readonly LeafReading[];
}

/** Saved state of one instance of a rule; an instance without one is at rest. */
export interface SavedInstance {
  readonly ruleId: string;
  /** Key of the instance. Empty: the rule itself, or the conditions of a wildcard rule that have no wildcard. */
  readonly instanceKey: string;
  /** Bit i: condition i holds. */
  readonly leaves: number;
  readonly phase: Phase;
  /** Time since which the rule holds. */
  readonly since: number;
  /** Whether the owner was notified of this firing, so that its resolution is sent, too. */
  readonly told: boolean;
  /** Whether the resolution of a notified firing is still to be sent. */
  readonly owed: boolean;
  /** Whether it held already when its rule was made, so that a `crossing` is still to come. */
  readonly assumed: boolean;
  /** Quiet state of the instance; null: it is not quiet. */
  readonly quiet: Quiet | null;
}

/** Quiet state of one instance. Times are Unix ms. */
export interface Quiet {
  /** End of the instance's own throttle, if it has one: no message before it. */
  readonly throttledUntil: number;
  /** Firings held back by that throttle, and those that the summary will name. */
  readonly suppressed: number;
  readonly heldBack: readonly HeldBack[];
  /** Times of its latest changes, the newest last: too many mean that it flaps. */
  readonly changes: readonly number[];
}

export interface SavedState {
  readonly rule: SavedRule;
  readonly instances: readonly SavedInstance[];
}

/** Changes to write so that an evaluator restored from the store equals this one. */
export interface StateChanges {
  readonly rules: readonly SavedRule[];
  readonly instances: readonly SavedInstance[];
  /** Instances back at rest: their rows can be deleted. */
  readonly removed: readonly Pick<SavedInstance, 'ruleId' | 'instanceKey'>[];
}
