/**
 * A second implementation of the query language, written for readability: rows in memory, no planner, no stored
 * aggregates. It uses none of the product's code except for the starts of buckets.
 */
import { bucketStarts } from '../../../src/query/core/time.js';
import type { Bucket } from '../../../src/query/core/ast.js';
import { ofDataset, type Candidate, type DatasetName, type World } from './naive-rows.js';

type Value = string | number | null;
export type Row = Record<string, Value | readonly string[]>;
export type Tree = { and: Tree[] } | { or: Tree[] } | { not: Tree } | { field: string; op: string; value?: unknown };

export interface Aggregation {
  field?: string;
  operation: string;
  p?: number;
  over_time?: string;
  group_by?: string[];
  as?: string;
}

/** Request as a client writes it, without pages. */
export interface Request {
  dataset: DatasetName;
  filters?: Readonly<Record<string, readonly string[] | { min?: number; max?: number }>>;
  where?: Tree;
  time?: { from: string; to: string; bucket?: Bucket; fill?: 'none' | 'null' | 'previous' };
  aggregations?: Aggregation[];
  having?: Tree;
  sort?: { field: string; order: 'asc' | 'desc' }[];
}

const LIST_FIELDS: Readonly<Record<string, string>> = {
  protocols: 'protocol',
  chains: 'chain',
  tokens: 'token',
  categories: 'category',
};
const RANGE_FIELDS: Readonly<Record<string, string>> = { tvl_range: 'tvl', price_range: 'price' };

/** Returns the complete answer, unordered. */
export function evaluate(world: World, request: Request): Row[] {
  const condition = conditionOf(request);
  const all = ofDataset(world, request, fieldsOf(condition).includes('chain'));
  const { aggregations = [], time } = request;
  if (aggregations.length === 0)
    return all.filter(({ fields }) => holds(condition, fields)).map(({ fields }) => fields);
  const readings = [...new Set(aggregations.map((one) => readingOf(one, aggregations)))];
  const candidates = all.filter((one) => readings.some((reading) => holds(condition, asRead(one, reading))));
  const keys = [...(time?.bucket ? ['time'] : []), ...(aggregations[0]?.group_by ?? [])];
  const groups = new Map<string, Candidate[]>(keys.length === 0 ? [['[]', []]] : []);
  for (const candidate of candidates) {
    const key = JSON.stringify(keys.map((name) => candidate.fields[name] ?? null));
    groups.set(key, [...(groups.get(key) ?? []), candidate]);
  }
  const rows = [...groups].map(([key, members]): Row => {
    const values = JSON.parse(key) as Value[];
    const row: Row = Object.fromEntries(keys.map((name, index) => [name, values[index] ?? null]));
    for (const one of aggregations) {
      const reading = readingOf(one, aggregations);
      const own = members.filter((member) => holds(condition, asRead(member, reading)));
      row[nameOf(one)] = aggregate(one, own);
    }
    return row;
  });
  const kept = rows.filter((row) => request.having === undefined || holds(request.having, row));
  return time?.fill === 'null' ? withEmptyBuckets(kept, request) : kept;
}

/**
 * Returns the reading (`over_time`) that an aggregate uses in a bucket; a count of rows uses that of the other aggregates
 * if they agree.
 */
function readingOf(one: Aggregation, all: readonly Aggregation[]): string {
  const others = new Set(all.filter(({ field }) => field !== undefined).map((other) => other.over_time ?? 'last'));
  const [only = 'last'] = others;
  return one.over_time ?? (one.field === undefined && others.size === 1 ? only : 'last');
}

/** Returns a row with the level in this reading, because conditions test that level. */
function asRead({ fields, level }: Candidate, reading: string): Row {
  return level === undefined ? fields : { ...fields, [level.of]: level[reading as 'last'] };
}

/** Returns the column of an aggregate. */
export function nameOf({ as, operation, field }: Aggregation): string {
  return as ?? (field === undefined ? operation : `${operation}_${field}`);
}

/** Returns the order of the answer: the default order, or the meaning of the request's `sort`. */
export function orderOf({
  dataset,
  time,
  aggregations = [],
  sort,
}: Request): { field: string; order: 'asc' | 'desc' }[] {
  const [first] = aggregations;
  const columns = [...(first?.group_by ?? []), ...aggregations.map(nameOf), 'time'];
  const column = (field: string): string => {
    const of = aggregations.find((aggregation) => aggregation.field === field);
    return first === undefined || columns.includes(field) || of === undefined ? field : nameOf(of);
  };
  if (sort !== undefined) return sort.map(({ field, order }) => ({ field: column(field), order }));
  if (first !== undefined && time?.bucket === undefined) return [{ field: nameOf(first), order: 'desc' }];
  if (first !== undefined) return ['time', ...(first.group_by ?? [])].map((field) => ({ field, order: 'asc' }));
  if (time !== undefined && (dataset === 'tvl' || dataset === 'prices')) return [{ field: 'time', order: 'asc' }];
  const field = { tvl: 'tvl', prices: 'market_cap', protocols: 'tvl', events: 'seq' }[dataset];
  return [{ field, order: 'desc' }];
}

/** Returns `filters` and `where` as one tree. */
function conditionOf({ dataset, filters = {}, where }: Request): Tree {
  const listField = (name: string) =>
    dataset === 'protocols' && name === 'chains' ? name : (LIST_FIELDS[name] ?? name);
  const parts = Object.entries(filters).flatMap(([name, given]): Tree[] => {
    if (Array.isArray(given)) {
      const isList = given.length > 0;
      return isList ? [{ field: listField(name), op: 'in', value: given }] : [];
    }
    const { min, max } = given as { min?: number; max?: number };
    const field = RANGE_FIELDS[name] ?? name;
    return [
      ...(min === undefined ? [] : [{ field, op: 'gte', value: min }]),
      ...(max === undefined ? [] : [{ field, op: 'lte', value: max }]),
    ];
  });
  return { and: [...parts, ...(where === undefined ? [] : [where])] };
}

function aggregate(
  { operation, field, p = 0, over_time = 'last' }: Aggregation,
  members: readonly Candidate[],
): number | null {
  if (field === undefined) return members.length;
  const all = members.map(({ fields, level }) =>
    level?.of === field ? level[over_time as 'last'] : (fields[field] ?? null),
  );
  const values = all.filter((value) => value !== null);
  if (operation === 'count') return values.length;
  if (operation === 'count_distinct') return new Set(values).size;
  const numbers = (values as number[]).sort((a, b) => a - b);
  if (numbers.length === 0) return null;
  const sum = numbers.reduce((total, value) => total + value, 0);
  if (operation === 'sum') return sum;
  if (operation === 'avg') return sum / numbers.length;
  if (operation === 'percentile') return numbers[Math.max(0, Math.ceil(p * numbers.length) - 1)] ?? null;
  return (operation === 'min' ? numbers[0] : numbers.at(-1)) ?? null;
}

/** Adds rows, so that every group that occurs has a row in every bucket. */
function withEmptyBuckets(rows: readonly Row[], { time, aggregations = [] }: Request): Row[] {
  const groupBy = aggregations[0]?.group_by ?? [];
  const groupOf = (row: Row) => JSON.stringify(groupBy.map((name) => row[name]));
  const groups = new Map(rows.map((row) => [groupOf(row), row]));
  if (groupBy.length === 0) groups.set('[]', {});
  const held = new Set(rows.map((row) => `${String(row['time'])} ${groupOf(row)}`));
  const filled = [...rows];
  const [from, to] = [Date.parse(time?.from ?? ''), Date.parse(time?.to ?? '')];
  for (const start of bucketStarts(time?.bucket ?? '1h', from, to, 100_000)) {
    for (const [key, group] of groups) {
      const row: Row = { time: new Date(start).toISOString() };
      if (held.has(`${String(row['time'])} ${key}`)) continue;
      for (const name of groupBy) row[name] = group[name] ?? null;
      for (const one of aggregations) row[nameOf(one)] = one.operation.startsWith('count') ? 0 : null;
      filled.push(row);
    }
  }
  return filled;
}

function holds(tree: Tree, row: Row): boolean {
  if ('and' in tree) return tree.and.every((part) => holds(part, row));
  if ('or' in tree) return tree.or.some((part) => holds(part, row));
  if ('not' in tree) return !holds(tree.not, row);
  const value = row[tree.field] ?? null;
  if (tree.op === 'is_null') return (value === null) === (tree.value !== false);
  if (value === null) return false;
  const given = tree.value as string | number;
  const list = [tree.value].flat() as (string | number)[];
  if (Array.isArray(value)) {
    const has = list.some((one) => value.includes(String(one)));
    return tree.op === 'ne' || tree.op === 'nin' ? !has : has;
  }
  const one = value as string | number;
  switch (tree.op) {
    case 'eq':
      return one === given;
    case 'ne':
      return one !== given;
    case 'gt':
      return one > given;
    case 'gte':
      return one >= given;
    case 'lt':
      return one < given;
    case 'lte':
      return one <= given;
    case 'in':
      return list.includes(one);
    case 'nin':
      return !list.includes(one);
    case 'between':
      return one >= (list[0] ?? 0) && one <= (list[1] ?? 0);
    case 'like':
      return like(String(one), String(given));
    default:
      throw new Error(`no operator ${tree.op}`);
  }
}

function like(text: string, pattern: string): boolean {
  const source = Array.from(pattern).map((c) =>
    c === '%' ? '.*' : c === '_' ? '.' : c.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'),
  );
  return new RegExp(`^${source.join('')}$`, 'is').test(text);
}

function fieldsOf(tree: Tree): string[] {
  if ('and' in tree) return tree.and.flatMap(fieldsOf);
  if ('or' in tree) return tree.or.flatMap(fieldsOf);
  return 'not' in tree ? fieldsOf(tree.not) : [tree.field];
}
