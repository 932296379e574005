/**
 * Steps to which thresholds are rounded down. A row stores one reference value per step; an event carries as `moved` the
 * largest step whose reference the value left, and resets that reference and those of smaller steps. A subscription matches
 * if `moved >= threshold`, so matching needs no state and is the same live, in replay and in every process. The triggers
 * contain the same list.
 */
export const STEPS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5] as const;

/**
 * Returns the largest step that is not above `threshold` (tolerance 1e-9); 0, which matches every event, if the threshold is
 * below the smallest step.
 */
export function roundToStep(threshold: number): number {
  let step = 0;
  for (const candidate of STEPS) if (candidate <= threshold + 1e-9) step = candidate;
  return step;
}
