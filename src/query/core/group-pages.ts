import type { Query } from './ast.js';
import { queryFault } from './faults.js';
import type { KeyValue } from './keyset.js';
import { QUERY_LIMITS } from './limits.js';
import type { Span } from './plan.js';
import { bucketStarts, isoTime } from './time.js';

export type Row = Readonly<Record<string, unknown>>;

export interface GroupPage {
  readonly rows: readonly Row[];
  /** The last row's place in the order, when there are more. */
  readonly next: readonly (KeyValue | null)[] | undefined;
}

/** Fails a query that gives more groups than one answer may have. */
export function checkGroups(count: number): void {
  if (count <= QUERY_LIMITS.groups) return;
  const detail = `More than ${QUERY_LIMITS.groups} groups; use a longer time.bucket, a shorter range, fewer group_by fields, or having.`;
  throw queryFault('limit_exceeded', '/aggregations', 'too_many_groups', detail);
}

/** With `fill: null` every group has a row in every bucket: aggregates null, counts 0. */
export function fillGroups(query: Query, rows: readonly Row[], range: Span | undefined): readonly Row[] {
  const bucket = query.time?.bucket;
  if (query.time?.fill !== 'null' || bucket === undefined || range === undefined) return rows;
  const groups = new Map<string, Row>();
  const held = new Set<string>();
  for (const row of rows) {
    const key = JSON.stringify(query.groupBy.map((name) => row[name]));
    groups.set(key, row);
    held.add(`${String(row['time'])} ${key}`);
  }
  if (query.groupBy.length === 0) groups.set('[]', {});
  const starts = bucketStarts(bucket, range.from, range.to, QUERY_LIMITS.groups + 1);
  checkGroups(starts.length * groups.size);
  const empty = query.aggregations.map(({ as, operation }) => [as, operation.startsWith('count') ? 0 : null]);
  const missing = starts.flatMap((start) =>
    [...groups].flatMap(([key, row]): Row[] => {
      const time = isoTime(start);
      if (held.has(`${time} ${key}`)) return [];
      return [
        { time, ...Object.fromEntries(query.groupBy.map((name) => [name, row[name]])), ...Object.fromEntries(empty) },
      ];
    }),
  );
  return [...rows, ...missing];
}

/** Groups in the query's order; ties by bucket and group. Missing values come last in either order. */
export function sortGroups(query: Query, rows: readonly Row[]): Row[] {
  const keys = orderOf(query);
  return rows.toSorted((a, b) => {
    // Called ten thousand times in a row or more: without anything that has to be collected.
    for (const key of keys) {
      const order = compareValues(key, valueOf(a, key), valueOf(b, key));
      if (order !== 0) return order;
    }
    return 0;
  });
}

/** The page behind a position of sorted groups. */
export function groupPage(query: Query, rows: readonly Row[], after: readonly unknown[] | undefined): GroupPage {
  const keys = orderOf(query);
  const position = after?.map(keyValue);
  const start = position === undefined ? 0 : firstBehind(rows, (row) => isBehind(keys, row, position));
  const page = rows.slice(start, start + query.limit);
  const last = page.at(-1);
  const more = start + page.length < rows.length;
  return { rows: page, next: more && last !== undefined ? place(keys, last) : undefined };
}

interface OrderKey {
  readonly name: string;
  readonly sign: 1 | -1;
}

function orderOf(query: Query): OrderKey[] {
  const named = query.sort.map(({ field, order }): OrderKey => ({ name: field, sign: order === 'asc' ? 1 : -1 }));
  const ties = [...(query.time?.bucket === undefined ? [] : ['time']), ...query.groupBy];
  return [...named, ...ties.map((name): OrderKey => ({ name, sign: 1 }))];
}

function place(keys: readonly OrderKey[], row: Row): (KeyValue | null)[] {
  return keys.map((key) => valueOf(row, key));
}

function valueOf(row: Row, { name }: OrderKey): KeyValue | null {
  return keyValue(row[name]);
}

function keyValue(value: unknown): KeyValue | null {
  return typeof value === 'string' || typeof value === 'number' ? value : null;
}

function isBehind(keys: readonly OrderKey[], row: Row, position: readonly (KeyValue | null)[]): boolean {
  for (const [index, key] of keys.entries()) {
    const order = compareValues(key, valueOf(row, key), position[index] ?? null);
    if (order !== 0) return order > 0;
  }
  return false;
}

function compareValues({ sign }: OrderKey, left: KeyValue | null, right: KeyValue | null): number {
  if (left === right) return 0;
  if (left === null) return 1;
  if (right === null) return -1;
  return left < right ? -sign : sign;
}

/** By halves: the rows are in order. */
function firstBehind(rows: readonly Row[], isLater: (row: Row) => boolean): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const row = rows[middle];
    if (row !== undefined && !isLater(row)) low = middle + 1;
    else high = middle;
  }
  return low;
}
