const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const ISO = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d))?$/;
const RELATIVE = /^now(?:-(\d{1,5})([mhdw]))?$/;

/** Unix milliseconds of `now`, `now-24h` (m, h, d, w), an ISO date or an ISO date-time with zone; undefined for others. */
export function parseTime(text: string, now: number): number | undefined {
  const relative = RELATIVE.exec(text);
  if (relative) return now - Number(relative[1] ?? 0) * (UNITS_MS[relative[2] ?? ''] ?? 0);
  if (!ISO.test(text)) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

export const INTERVALS = ['raw', '1h', '1d'] as const;
export type Interval = (typeof INTERVALS)[number];

const RAW_UP_TO_MS = 2 * 86_400_000;
const HOURLY_UP_TO_MS = 90 * 86_400_000;

/** The grain that gives a chart some hundreds to two thousand points; `rawKept`: whether there are raw values that old. */
export function intervalFor(spanMs: number, rawKept: boolean): Interval {
  if (spanMs <= RAW_UP_TO_MS && rawKept) return 'raw';
  return spanMs <= HOURLY_UP_TO_MS ? '1h' : '1d';
}
