import type { HeldBack, LeafReading, Phase } from './transition.js';

/** Saved state of a rule as a whole. Times are Unix ms; 0: never. */
export interface SavedRule {
  readonly ruleId: string;
  readonly ruleVersion: number;
  /** Number of transitions so far. */
  readonly seq: number;
  /** End of the throttle, before which no message is sent. */
  readonly throttledUntil: number;
  /** Number of firings held back since the last message. */
  readonly suppressed: number;
  /** Firings held back that the summary will name. */
  readonly heldBack: readonly HeldBack[];
  /** Whether the rule has mode `once` and has fired. */
  readonly spent: boolean;
  /** Resolutions of firings that an edit ended while the rule was snoozed; not yet sent. */
  readonly farewells: readonly Farewell[];
}

/** Notified firing that an edit of its rule ended, with its last values. */
export interface Farewell {
  readonly instanceKey: string;
  /** Version of the rule that fired; the readings belong to its conditions. */
  readonly ruleVersion: number;
  /** Time at which the rule began to hold, Unix ms; null: unknown. */
  readonly since: number | null;
  readonly readings: readonly LeafReading[];
}

/** Saved state of one instance of a rule; an instance without saved state is at rest. */
export interface SavedInstance {
  readonly ruleId: string;
  /** Key of the instance. Empty: the rule itself, or for a wildcard rule its conditions without wildcards. */
  readonly instanceKey: string;
  /** Bit i: condition i holds. */
  readonly leaves: number;
  readonly phase: Phase;
  /** Time since which the rule holds. */
  readonly since: number;
  /** Whether the owner was notified of this firing; its resolution is then sent, too. */
  readonly notified: boolean;
  /** Whether an earlier notified firing has ended and its resolution has not been sent. */
  readonly owed: boolean;
  /** Whether the rule already held when it was created, so that a `crossing` is yet to occur. */
  readonly assumed: boolean;
  /** Throttle and recent changes of the instance; null: none. */
  readonly quiet: Quiet | null;
}

/** Throttle and recent changes of one instance. Times are Unix ms. */
export interface Quiet {
  /** End of the instance's own throttle, before which no message is sent; 0: it has none. */
  readonly throttledUntil: number;
  /** Number of firings that this throttle held back, and those firings that the summary will name. */
  readonly suppressed: number;
  readonly heldBack: readonly HeldBack[];
  /** Times of the latest changes, newest last: many of them mean that the instance is flapping. */
  readonly changes: readonly number[];
}

export interface SavedState {
  readonly rule: SavedRule;
  readonly instances: readonly SavedInstance[];
}

/** Changes to store so that an evaluator restored from the database equals this one. */
export interface StateChanges {
  readonly rules: readonly SavedRule[];
  readonly instances: readonly SavedInstance[];
  /** Instances that are at rest again: their stored rows can be deleted. */
  readonly removed: readonly Pick<SavedInstance, 'ruleId' | 'instanceKey'>[];
}
