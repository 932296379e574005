import type { Bucket, Order, Query } from './ast.js';
import type { KeyValue } from './keyset.js';
import type { Plan, Span } from './plan.js';
import { bucketStart, nextBucket } from './time.js';

/** How much longer than the one before a window is: few statements where rows are rare, little read where they are not. */
const GROWTH = 4;

/**
 * Parts of the range, in the order of the rows, each of whole buckets: rows of recorded series in the order of time need
 * no more of them than hold a page. Undefined when the rows are in another order, or not of series.
 *
 * `length` is that of the first window, milliseconds; `position` that of a row which all rows come behind.
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
  // A value is carried from any earlier part of the range.
  if (levels.fill === 'previous') return undefined;
  const at = typeof position?.[0] === 'number' ? Math.floor(position[0] / 1_000) : undefined;
  return windows(levels.bucket, range, first.order, at, length);
}

function* windows(
  bucket: Bucket | undefined,
  { from, to }: Span,
  order: Order,
  at: number | undefined,
  first: number,
): Generator<Span> {
  const floor = (time: number): number => (bucket === undefined ? Math.floor(time) : bucketStart(bucket, time));
  const behind = (time: number): number => (bucket === undefined ? floor(time) + 1 : nextBucket(bucket, floor(time)));
  let length = first;
  if (order === 'asc') {
    for (let start = Math.max(from, floor(at ?? from)); start < to; length *= GROWTH) {
      const end = Math.min(to, behind(start + length));
      yield { from: start, to: end };
      start = end;
    }
    return;
  }
  for (let end = Math.min(to, behind(at ?? to)); end > from; length *= GROWTH) {
    const start = Math.max(from, floor(end - 1 - length));
    yield { from: start, to: end };
    end = start;
  }
}
