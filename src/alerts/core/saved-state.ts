import type { HeldBack, LeafReading, Phase } from './transition.js';

/** What the evaluator remembers of a rule as a whole. Times are Unix ms; 0 is never. */
export interface SavedRule {
  readonly ruleId: string;
  readonly ruleVersion: number;
  /** Transitions so far. */
  readonly seq: number;
  /** No message before this. */
  readonly throttledUntil: number;
  /** Firings kept back since the last message. */
  readonly suppressed: number;
  /** What of them the summary will name. */
  readonly heldBack: readonly HeldBack[];
  /** A `once` rule that has fired. */
  readonly spent: boolean;
  /** Firings that an edit ended while the rule was snoozed, still to be resolved. */
  readonly farewells: readonly Farewell[];
}

/** A firing that its owner was notified of, as it was last seen before an edit of its rule ended it. */
export interface Farewell {
  readonly instanceKey: string;
  /** Of the rule that fired: what the readings are of. */
  readonly ruleVersion: number;
  /** When it began to hold, Unix ms; null: not known any more. */
  readonly since: number | null;
  readonly readings: readonly LeafReading[];
}

/** What the evaluator remembers of one instance of a rule; an instance that is not listed is at rest. */
export interface SavedInstance {
  readonly ruleId: string;
  /** Empty: the rule itself, or the conditions of a wildcard rule that have no wildcard. */
  readonly instanceKey: string;
  /** Bit i: condition i holds. */
  readonly leaves: number;
  readonly phase: Phase;
  /** Since when the rule holds. */
  readonly since: number;
  /** Whether the owner was told of this firing, so that a resolution is worth telling. */
  readonly told: boolean;
  /** Whether the end of a firing that the owner was told of is still to be told. */
  readonly owed: boolean;
  /** Whether it held already when its rule was made, so that a `crossing` is still to come. */
  readonly assumed: boolean;
  /** Why it is quiet for a while; null: it is not. */
  readonly quiet: Quiet | null;
}

/** What keeps one instance quiet. Times are Unix ms. */
export interface Quiet {
  /** Of an instance with a throttle of its own: no message before this. */
  readonly throttledUntil: number;
  /** Firings kept back by that throttle, and what of them the summary will name. */
  readonly suppressed: number;
  readonly heldBack: readonly HeldBack[];
  /** When it changed lately, the newest last: too often means that it flaps. */
  readonly changes: readonly number[];
}

export interface SavedState {
  readonly rule: SavedRule;
  readonly instances: readonly SavedInstance[];
}

/** What must be written so that an evaluator restored from the store equals this one. */
export interface StateChanges {
  readonly rules: readonly SavedRule[];
  readonly instances: readonly SavedInstance[];
  /** Back at rest: their rows can go. */
  readonly removed: readonly Pick<SavedInstance, 'ruleId' | 'instanceKey'>[];
}
