/**
 * Comparison of a condition; `ne` results only from a negated `eq`. Stored as numbers, because a column stores millions
 * of them.
 */
export const Comparison = { gt: 1, gte: 2, lt: 3, lte: 4, eq: 5, ne: 6 } as const;
export type Comparison = (typeof Comparison)[keyof typeof Comparison];

export interface Test {
  /** Number of a `Comparison`. */
  readonly comparison: number;
  readonly threshold: number;
  /** For an inequality the hysteresis, for `eq` and `ne` half the width of the band; in units of the threshold. */
  readonly slack: number;
}

/**
 * Whether the condition holds at `value`; `held` is whether it held before. An inequality that held continues to hold
 * until the value has moved back past the threshold by the slack. A missing value (NaN) never satisfies a condition.
 */
export function holds(comparison: number, threshold: number, slack: number, held: boolean, value: number): boolean {
  const allowance = held ? slack : 0;
  switch (comparison) {
    case Comparison.gt:
      return value > threshold - allowance;
    case Comparison.gte:
      return value >= threshold - allowance;
    case Comparison.lt:
      return value < threshold + allowance;
    case Comparison.lte:
      return value <= threshold + allowance;
    case Comparison.eq:
      return value >= threshold - slack && value <= threshold + slack;
    default:
      return value < threshold - slack || value > threshold + slack;
  }
}

/** Whether a value passed the threshold: `eq` then holds for this event, even if no event had exactly that value. */
export function crosses(threshold: number, before: number, after: number): boolean {
  return (before < threshold && after > threshold) || (before > threshold && after < threshold);
}

/** Returns the one or two values at which the condition can begin or cease to hold. */
export function turningPoints({ comparison, threshold, slack }: Test): readonly number[] {
  if (slack === 0) return [threshold];
  switch (comparison) {
    case Comparison.gt:
    case Comparison.gte:
      return [threshold - slack, threshold];
    case Comparison.lt:
    case Comparison.lte:
      return [threshold, threshold + slack];
    default:
      return [threshold - slack, threshold + slack];
  }
}

export function negated(comparison: Comparison): Comparison {
  switch (comparison) {
    case Comparison.gt:
      return Comparison.lte;
    case Comparison.gte:
      return Comparison.lt;
    case Comparison.lt:
      return Comparison.gte;
    case Comparison.lte:
      return Comparison.gt;
    case Comparison.eq:
      return Comparison.ne;
    default:
      return Comparison.eq;
  }
}

/**
 * Whether an inequality holds only because of its hysteresis: the value has moved back across the threshold, but not by
 * the slack.
 */
export function holdsBySlack(comparison: Comparison, threshold: number, noise: number, value: number): boolean {
  if (comparison === Comparison.eq || comparison === Comparison.ne) return false;
  const isInclusive = comparison === Comparison.gte || comparison === Comparison.lte;
  return !holds(comparison, threshold, noise, isInclusive, value);
}
