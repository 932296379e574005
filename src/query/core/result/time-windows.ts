import type { Bucket, Order, Query } from '../ast.js';
import type { KeyValue } from '../sql/keyset.js';
import type { Plan, Span } from '../plan/plan.js';
import { bucketStart, nextBucket } from '../time.js';

/**
 * Factor by which each window is longer than the previous one: few statements if rows are rare, and little unnecessary
 * reading if they are not.
 */
const GROWTH = 4;

/**
 * Returns consecutive parts of the range in the order of the rows, each of complete buckets, so that a page of recorded
 * series sorted by time reads only as many parts as it needs. Undefined if the rows are sorted otherwise or are not of
 * series.
 *
 * `length`: length of the first part, ms. `position`: position after which the page starts.
 */
export function timeWindows(
  query: Query,
  { levels, range }: Plan,
  position: readonly KeyValue[] | undefined,
  length: number,
): Iterable<Span> | undefined {
  const [first] = query.sort;
  if (levels === undefined || range === undefined || query.aggregations.length > 0 || first?.field !== 'time') {
    return undefined;
  }
  // A value may come from any earlier part of the range.
  if (levels.fill === 'previous') return undefined;
  const at = typeof position?.[0] === 'number' ? Math.floor(position[0] / 1_000) : undefined;
  return windows(levels.bucket, range, first.order, at, length);
}

function* windows(
  bucket: Bucket | undefined,
  { from, to }: Span,
  order: Order,
  at: number | undefined,
  shortest: number,
): Generator<Span> {
  const floor = (time: number): number => (bucket === undefined ? Math.floor(time) : bucketStart(bucket, time));
  const behind = (time: number): number => (bucket === undefined ? floor(time) + 1 : nextBucket(bucket, floor(time)));
  let length = shortest;
  // The first part may be the rest of the position's bucket, which may have fewer rows than a page: the next bucket is added
  // to it.
  let isPart = bucket !== undefined && at !== undefined;
  if (order === 'asc') {
    for (let start = Math.max(from, floor(at ?? from)); start < to; length *= GROWTH) {
      const end = behind(start + length);
      const last = Math.min(to, isPart ? behind(end) : end);
      yield { from: start, to: last };
      start = last;
      isPart = false;
    }
    return;
  }
  for (let end = Math.min(to, behind(at ?? to)); end > from; length *= GROWTH) {
    const start = floor(end - 1 - length);
    const first = Math.max(from, isPart ? floor(start - 1) : start);
    yield { from: first, to: end };
    end = first;
    isPart = false;
  }
}
