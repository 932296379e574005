import type { Query } from '../ast.js';
import { compareDecimals } from '../../../platform/input/decimals.js';
import { inputFault } from '../../../platform/input/faults.js';
import type { KeyValue } from '../sql/keyset.js';
import { QUERY_LIMITS } from '../limits.js';
import type { Span } from '../plan/plan.js';
import type { ResultRows } from './result-rows.js';
import { bucketStarts } from '../time.js';

interface GroupPage {
  /** Index of the page's first row. */
  readonly from: number;
  readonly to: number;
  /** Sort position of the last row, if there are more rows. */
  readonly next: readonly (KeyValue | null)[] | undefined;
}

/** Group as the database returns it: the bucket in Unix ms if there are buckets, the group fields, the aggregates. */
type Group = readonly unknown[];

/** Throws if a query has more groups than an answer may have. */
export function checkGroups(count: number): void {
  if (count <= QUERY_LIMITS.groups) return;
  const detail = `The query has more than ${QUERY_LIMITS.groups} groups; use a longer time.bucket, a shorter range, fewer group_by fields, or having.`;
  throw inputFault('limit_exceeded', '/aggregations', 'too_many_groups', detail);
}

/** For `fill: null`, adds a row for every missing combination of group and bucket, with null aggregates and counts of 0. */
export function fillGroups(query: Query, rows: readonly Group[], range: Span | undefined): readonly Group[] {
  const bucket = query.time?.bucket;
  if (query.time?.fill !== 'null' || bucket === undefined || range === undefined) return rows;
  const groups = new Map<string, Group>();
  const held = new Set<string>();
  for (const [time, ...values] of rows) {
    const group = values.slice(0, query.groupBy.length);
    const key = JSON.stringify(group);
    groups.set(key, group);
    held.add(`${String(time)} ${key}`);
  }
  if (query.groupBy.length === 0) groups.set('[]', []);
  const starts = bucketStarts(bucket, range.from, range.to, QUERY_LIMITS.groups + 1);
  checkGroups(starts.length * groups.size);
  const empty = query.aggregations.map(({ operation }) => (operation.startsWith('count') ? 0 : null));
  const missing = starts.flatMap((start) =>
    [...groups].flatMap(([key, group]) => (held.has(`${start} ${key}`) ? [] : [[start, ...group, ...empty]])),
  );
  return [...rows, ...missing];
}

/** Sorts groups in the query's order, equal ones by bucket and group fields. Missing values are last in either order. */
export function sortGroups(query: Query, rows: ResultRows): ResultRows {
  const keys = orderOf(query, rows);
  const compare = (a: number, b: number): number => {
    // Called ten thousand times in a row, so nothing is allocated here.
    for (const key of keys) {
      const order = compareValues(key, key.valueOf(a), key.valueOf(b));
      if (order !== 0) return order;
    }
    return 0;
  };
  let row = 1;
  while (row < rows.length && compare(row - 1, row) <= 0) row += 1;
  if (row >= rows.length) return rows;
  return rows.inOrder(Uint32Array.from({ length: rows.length }, (_, index) => index).sort(compare));
}

/** Returns the page after a position in sorted groups. */
export function groupPage(query: Query, rows: ResultRows, after: readonly unknown[] | undefined): GroupPage {
  const keys = orderOf(query, rows);
  const position = after?.map(keyValue);
  const from = position === undefined ? 0 : firstBehind(rows.length, (row) => isBehind(keys, row, position));
  const to = Math.min(from + query.limit, rows.length);
  return { from, to, next: to < rows.length && to > from ? keys.map(({ valueOf }) => valueOf(to - 1)) : undefined };
}

interface OrderKey {
  readonly sign: 1 | -1;
  readonly isDecimal: boolean;
  readonly valueOf: (row: number) => KeyValue | null;
}

function orderOf(query: Query, rows: ResultRows): OrderKey[] {
  const ties = [...(query.time?.bucket === undefined ? [] : ['time']), ...query.groupBy];
  return [...query.sort, ...ties.map((field) => ({ field, order: 'asc' as const }))].map(({ field, order }) => {
    const valueOf = rows.column(field);
    const isDecimal = rows.isDecimal(field);
    return { sign: order === 'asc' ? 1 : -1, isDecimal, valueOf: (row) => keyValue(valueOf(row)) };
  });
}

function keyValue(value: unknown): KeyValue | null {
  return typeof value === 'string' || typeof value === 'number' ? value : null;
}

function isBehind(keys: readonly OrderKey[], row: number, position: readonly (KeyValue | null)[]): boolean {
  for (const [index, key] of keys.entries()) {
    const order = compareValues(key, key.valueOf(row), position[index] ?? null);
    if (order !== 0) return order > 0;
  }
  return false;
}

function compareValues({ sign, isDecimal }: OrderKey, left: KeyValue | null, right: KeyValue | null): number {
  if (left === right) return 0;
  if (left === null) return 1;
  if (right === null) return -1;
  if (isDecimal && typeof left === 'string' && typeof right === 'string') return sign * compareDecimals(left, right);
  return left < right ? -sign : sign;
}

/** Finds the first row after a position by binary search. */
function firstBehind(length: number, isLater: (row: number) => boolean): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isLater(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
