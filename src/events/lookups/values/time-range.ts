export const INTERVALS = ['raw', '1h', '1d'] as const;
export type Interval = (typeof INTERVALS)[number];

const MAX_RAW_RANGE_MS = 2 * 86_400_000;
const MAX_HOURLY_RANGE_MS = 90 * 86_400_000;

/**
 * Returns the interval that gives a chart some hundreds to two thousand points. `rawKept`: whether single values are kept
 * for the whole range.
 */
export function intervalFor(spanMs: number, rawKept: boolean): Interval {
  if (spanMs <= MAX_RAW_RANGE_MS && rawKept) return 'raw';
  return spanMs <= MAX_HOURLY_RANGE_MS ? '1h' : '1d';
}
