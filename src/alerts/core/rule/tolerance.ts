/**
 * Tolerance of all equality tests. Values result from divisions and sums, and a value that misses its threshold only by
 * rounding has reached it. For levels it is a fraction; for changes, which are fractions themselves, it is the absolute
 * difference.
 */
export const EQUALITY_TOLERANCE = 1e-9;
