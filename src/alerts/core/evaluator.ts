import type { HistoryNeed, HistoryPoint, MarketRow } from './market-row.js';
import type { RuleDefinition } from './rule.js';
import type { SavedState, StateChanges } from './saved-state.js';
import type { Transition } from './transition.js';

export interface EvaluatorOptions {
  /** Ratio of the dead band of a key (`change_thresholds`); `subject` `*` is the metric's default. */
  readonly deadBand?: (metric: 'tvl' | 'price', subject: string) => number;
  /** A value observed longer than this before it was logged is stale: history, but no cause to fire. Milliseconds. */
  readonly staleAfterMs?: number;
}

/**
 * Holds the rules of one shard and turns rows of the event log, in order, into transitions. Pure: no clock but the rows,
 * no I/O. Restored from the last values as of its position (`loadHistory`) and each rule's saved state, it goes on
 * exactly as if it had never stopped.
 */
export class Evaluator {
  constructor(_options: EvaluatorOptions = {}) {}

  get size(): number {
    throw new Error('to come');
  }

  has(_ruleId: string): boolean {
    throw new Error('to come');
  }

  /** What `loadHistory` should be given before `addRule`; empty for rules that do not look back. */
  historyNeeds(_rule: RuleDefinition): HistoryNeed[] {
    throw new Error('to come');
  }

  /**
   * Published values up to the evaluator's position, by time: at start the last two of every key, and later whatever
   * `historyNeeds` asked for. Points already known do no harm. Causes no transition.
   */
  loadHistory(_points: readonly HistoryPoint[]): void {
    throw new Error('to come');
  }

  /** Takes a checked rule in. Without a saved state it starts from the present values and fires with the next event. */
  addRule(_rule: RuleDefinition, _saved?: SavedState): void {
    throw new Error('to come');
  }

  /** The state stays where what is watched (conditions, where, mode, hysteresis, for) stays; else the rule starts anew. */
  updateRule(_rule: RuleDefinition): void {
    throw new Error('to come');
  }

  removeRule(_ruleId: string): boolean {
    throw new Error('to come');
  }

  /** One row of the log, ticks included. `late`: the evaluator is making up for time it was away. */
  apply(_row: MarketRow, _late = false): Transition[] {
    throw new Error('to come');
  }

  /** What a `tick` row does: references of windows move, `forSeconds` and throttles run out. */
  tick(_time: number, _late = false): Transition[] {
    throw new Error('to come');
  }

  /** What changed since the last call; to be stored in the transaction that stores the position. */
  takeChanges(): StateChanges {
    throw new Error('to come');
  }

  savedState(_ruleId: string): SavedState | undefined {
    throw new Error('to come');
  }
}
