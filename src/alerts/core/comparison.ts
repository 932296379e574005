/** Comparison of a condition; `ne` only comes from a negated `eq`. Numbers, because a million of them are stored in a column. */
export const Comparison = { gt: 1, gte: 2, lt: 3, lte: 4, eq: 5, ne: 6 } as const;
export type Comparison = (typeof Comparison)[keyof typeof Comparison];

export interface Test {
  /** Number of a `Comparison`. */
  readonly comparison: number;
  readonly threshold: number;
  /** Hysteresis of an inequality; half the width of the band of `eq` and `ne`; in units of the threshold. */
  readonly slack: number;
}

/**
 * Whether the condition holds at `value`, given whether it `held` before: an inequality that holds continues to hold until the
 * value has moved back by its slack. A missing value (NaN) satisfies nothing.
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

/** Whether a value passed the threshold: `eq` holds for a moment then, even if no event showed that value. */
export function crosses(threshold: number, before: number, after: number): boolean {
  return (before < threshold && after > threshold) || (before > threshold && after < threshold);
}

/** Returns the values at which the condition can begin or cease to hold: one or two. */
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
 * Whether an inequality that holds does so by its hysteresis alone: the value is moving back and no longer beyond the threshold.
 */
export function holdsBySlack(comparison: Comparison, threshold: number, noise: number, value: number): boolean {
  if (comparison === Comparison.eq || comparison === Comparison.ne) return false;
  const isInclusive = comparison === Comparison.gte || comparison === Comparison.lte;
  return !holds(comparison, threshold, noise, isInclusive, value);
}
