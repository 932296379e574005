import type { AlarmCode } from '../store/chain-alarms.js';

/** Threshold of a condition; the rules of docker/prometheus have the same, which a test compares. */
interface Condition {
  /** Value above which the condition is a warning: seconds, shares from 0 to 1, or a count. */
  readonly warning: number;
  /** Value above which it is critical, if that is another. */
  readonly critical?: number;
}

/**
 * Conditions of a chain that are judged here, each the stricter of the two sets of alarms in the source documents. Of failed
 * records one is enough, where the document has 1 %: each stops its contract.
 */
export const CONDITIONS = {
  delay: { warning: 60, critical: 300 },
  errors: { warning: 0.05 },
  retries: { warning: 0.1 },
  dead_log: { warning: 0 },
} as const satisfies Partial<Record<AlarmCode, Condition>>;

export type ConditionCode = keyof typeof CONDITIONS;

/** Attempts below which a share says nothing. */
export const MIN_ATTEMPTS = 20;
