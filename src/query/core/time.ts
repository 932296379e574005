import type { Bucket } from './ast.js';

const MINUTE = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
/** Monday, 1970-01-05. */
const FIRST_MONDAY = 4 * DAY_MS;
const UNITS_MS: Readonly<Record<string, number>> = { m: MINUTE, h: HOUR_MS, d: DAY_MS, w: WEEK_MS };
const RELATIVE = /^now(?:-(\d{1,5})([mhdw]))?$/;
const ISO = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** Lengths of the buckets that have one; months do not. */
const LENGTHS: Readonly<Record<Exclude<Bucket, '1mo'>, number>> = {
  '5m': 5 * MINUTE,
  '15m': 15 * MINUTE,
  '1h': HOUR_MS,
  '4h': 4 * HOUR_MS,
  '1d': DAY_MS,
  '1w': WEEK_MS,
};

/** Unix milliseconds of an ISO date, or an ISO time with a zone, of the years 1970 to 2999; undefined for others. */
export function parseIso(text: string): number | undefined {
  const time = ISO.test(text) && isDay(text.slice(0, 10)) ? Date.parse(text) : Number.NaN;
  return time >= 0 && time < 32_503_680_000_000 ? time : undefined;
}

/** Whether the calendar has it: `Date.parse` takes 30 February for 2 March. */
function isDay(date: string): boolean {
  const midnight = Date.parse(date);
  return !Number.isNaN(midnight) && isoTime(midnight).startsWith(date);
}

/** Unix milliseconds of `now`, `now-24h` (m, h, d, w), and of what `parseIso` takes; undefined for others. */
export function parseTime(text: string, now: number): number | undefined {
  const relative = RELATIVE.exec(text);
  if (relative) return now - Number(relative[1] ?? 0) * (UNITS_MS[relative[2] ?? ''] ?? 0);
  return parseIso(text);
}

/** Start of the bucket that a moment falls into, in UTC; weeks begin on Monday. */
export function bucketStart(bucket: Bucket, time: number): number {
  if (bucket === '1mo') {
    const date = new Date(time);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
  }
  const origin = bucket === '1w' ? FIRST_MONDAY : 0;
  const length = LENGTHS[bucket];
  return Math.floor((time - origin) / length) * length + origin;
}

/** Start of the bucket behind the one that starts then. */
export function nextBucket(bucket: Bucket, start: number): number {
  if (bucket !== '1mo') return start + LENGTHS[bucket];
  const date = new Date(start);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}

/** Starts of all buckets that overlap [from, to), at most `most` of them. */
export function bucketStarts(bucket: Bucket, from: number, to: number, most: number): number[] {
  const starts: number[] = [];
  for (let start = bucketStart(bucket, from); start < to && starts.length < most; start = nextBucket(bucket, start)) {
    starts.push(start);
  }
  return starts;
}

export const floorTo = (unit: number, time: number): number => Math.floor(time / unit) * unit;
export const ceilTo = (unit: number, time: number): number => Math.ceil(time / unit) * unit;

/** A moment as clients see it. */
export function isoTime(time: number): string {
  return new Date(time).toISOString();
}
