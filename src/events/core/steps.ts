/**
 * Steps of a slide. The row keeps one reference per step; an event carries the largest step whose reference the value left. A
 * subscriber's threshold is rounded down to a step and matches `moved >= threshold`, so matching needs no state and is the same
 * live, in replay and on every pod. The triggers hold the same list.
 */
export const STEPS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5] as const;

/** Returns the largest step not above `threshold`; 0 (everything) below the smallest. Equality counts, tolerance 1e-9. */
export function roundToStep(threshold: number): number {
  let step = 0;
  for (const candidate of STEPS) if (candidate <= threshold + 1e-9) step = candidate;
  return step;
}
