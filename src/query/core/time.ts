import type { Bucket } from './ast.js';

const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
/** First Monday after the Unix epoch, 1970-01-05, Unix ms. */
const FIRST_MONDAY = 4 * DAY_MS;

/** Lengths of buckets; months have no fixed length. */
const LENGTHS: Readonly<Record<Exclude<Bucket, '1mo'>, number>> = {
  '5m': 5 * MINUTE_MS,
  '15m': 15 * MINUTE_MS,
  '1h': HOUR_MS,
  '4h': 4 * HOUR_MS,
  '1d': DAY_MS,
  '1w': WEEK_MS,
};

/** Returns the start of the bucket that contains a time, in UTC; weeks begin on Monday. */
export function bucketStart(bucket: Bucket, time: number): number {
  if (bucket === '1mo') {
    const date = new Date(time);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
  }
  const origin = bucket === '1w' ? FIRST_MONDAY : 0;
  const length = LENGTHS[bucket];
  return Math.floor((time - origin) / length) * length + origin;
}

/** Returns the start of the next bucket, given the start of a bucket. */
export function nextBucket(bucket: Bucket, start: number): number {
  if (bucket !== '1mo') return start + LENGTHS[bucket];
  const date = new Date(start);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}

/** Returns the starts of all buckets that overlap [from, to), at most `most` of them. */
export function bucketStarts(bucket: Bucket, from: number, to: number, most: number): number[] {
  const starts: number[] = [];
  for (let start = bucketStart(bucket, from); start < to && starts.length < most; start = nextBucket(bucket, start)) {
    starts.push(start);
  }
  return starts;
}

export const floorTo = (unit: number, time: number): number => Math.floor(time / unit) * unit;
export const ceilTo = (unit: number, time: number): number => Math.ceil(time / unit) * unit;
