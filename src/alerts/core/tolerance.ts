/**
 * Tolerance of equality, everywhere: values come from divisions and sums, and one that misses its threshold by binary noise has
 * reached it. A fraction of a level; of changes, which are fractions themselves, the difference.
 */
export const EQUALITY_TOLERANCE = 1e-9;
