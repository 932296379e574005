import type { Bucket, Order, Query } from './ast.js';
import type { KeyValue } from './keyset.js';
import type { Plan, Span } from './plan.js';
import { bucketStart, nextBucket } from './time.js';

/** Growth of each window over the one before: few statements where rows are rare, little read where they are not. */
const GROWTH = 4;

/**
 * Returns parts of the range, in the order of the rows, each of whole buckets: rows of recorded series in the order of time
 * need only as many of them as hold a page. Undefined when the rows are in another order, or not of series.
 *
 * `length` is that of the first window, milliseconds; `position` that of a row after which all rows come.
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
  // Values may be carried from any earlier part of the range.
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
  // Rest of the position's bucket, which may be less than a page: the bucket after it is read along, once.
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
