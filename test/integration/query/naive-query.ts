/**
 * The query language once more, written for reading: rows in memory, no planner, no aggregates kept. It knows requests
 * only, none of the product's code but where buckets begin.
 */

/** One recorded value of a series. */
export interface Point {
  readonly at: number;
  readonly value: number;
}

export interface Series {
  readonly subject: string;
  readonly chain: string;
  /** Its value in the table now; absent when the row is gone. */
  readonly current: number | undefined;
  /** Oldest first, no two at one time. */
  readonly points: readonly Point[];
}

export interface World {
  readonly metric: 'tvl' | 'price';
  readonly series: readonly Series[];
  /** name, category, symbol (tvl) or symbol, chain (price), by subject. */
  readonly properties: ReadonlyMap<string, Readonly<Record<string, string | null>>>;
}

type Value = string | number | null;
export type Row = Record<string, Value>;
type Tree = { and: Tree[] } | { or: Tree[] } | { not: Tree } | { field: string; op: string; value?: unknown };
export interface Request {
  where?: Tree;
  time?: { from: string; to: string; bucket?: string; fill?: 'none' | 'null' | 'previous' };
  aggregations?: {
    field?: string;
    operation: string;
    p?: number;
    over_time?: string;
    group_by?: string[];
    as: string;
  }[];
  having?: Tree;
}

/** A row on its way: what it shows, and the level of its bucket in every reading. */
interface Level {
  readonly fields: Row;
  readonly level: { last: number | null; avg: number | null; min: number | null; max: number | null };
}

const REAL = (chain: string) => chain !== 'all' && !/(^|-)(staking|borrowed)$/.test(chain);

/** The whole answer, in no order. */
export function evaluate(
  world: World,
  request: Request,
  starts: (bucket: string, from: number, to: number) => number[],
): Row[] {
  const levels = rowsOf(world, request, starts).filter(
    (row) => request.where === undefined || holds(request.where, row.fields),
  );
  const { aggregations = [] } = request;
  if (aggregations.length === 0) return levels.map(({ fields }) => fields);
  const keys = [...(request.time?.bucket ? ['time'] : []), ...(aggregations[0]?.group_by ?? [])];
  const groups = new Map<string, Level[]>(keys.length === 0 ? [['[]', []]] : []);
  for (const row of levels) {
    const key = JSON.stringify(keys.map((name) => row.fields[name] ?? null));
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const rows = [...groups].map(([key, members]): Row => {
    const values = JSON.parse(key) as Value[];
    const row: Row = Object.fromEntries(keys.map((name, index) => [name, values[index] ?? null]));
    for (const one of aggregations) row[one.as] = aggregate(one, members, world.metric);
    return row;
  });
  const kept = rows.filter((row) => request.having === undefined || holds(request.having, row));
  return request.time?.fill === 'null' ? withEmptyBuckets(kept, request, starts) : kept;
}

function rowsOf(
  world: World,
  request: Request,
  starts: (bucket: string, from: number, to: number) => number[],
): Level[] {
  const chosen = world.series.filter((series) => counts(world, request, series));
  const { time } = request;
  if (time === undefined) {
    return chosen.flatMap((series) =>
      series.current === undefined ? [] : [levelOf(world, series, {}, [series.current])],
    );
  }
  const [from, to] = [Date.parse(time.from), Date.parse(time.to)];
  const grouped = (request.aggregations ?? []).length > 0;
  return chosen.flatMap((series) => {
    const inside = series.points.filter(({ at }) => at >= from && at < to);
    if (time.bucket === undefined) {
      if (!grouped) return inside.map(({ at, value }) => levelOf(world, series, { time: iso(at) }, [value]));
      return inside.length === 0
        ? []
        : [
            levelOf(
              world,
              series,
              {},
              inside.map(({ value }) => value),
            ),
          ];
    }
    const buckets = starts(time.bucket, from, to);
    let carried = series.points.filter(({ at }) => at < from).at(-1)?.value;
    return buckets.flatMap((start, index) => {
      const values = inside
        .filter(({ at }) => at >= start && at < (buckets[index + 1] ?? to))
        .map(({ value }) => value);
      carried = values.at(-1) ?? carried;
      const shown = { time: iso(start) };
      if (values.length > 0) return [levelOf(world, series, shown, values)];
      if (time.fill === 'previous' && carried !== undefined) return [levelOf(world, series, shown, [carried])];
      return time.fill === 'null' && !grouped ? [levelOf(world, series, shown, [])] : [];
    });
  });
}

/** A protocol's real chains, `all` where there is none; unless the request speaks of chains itself. */
function counts({ metric, series }: World, request: Request, one: Series): boolean {
  if (metric === 'price' || fieldsOf(request.where).includes('chain') || REAL(one.chain)) return true;
  const known = (other: Series) => request.time !== undefined || other.current !== undefined;
  const hasReal = series.some((other) => other.subject === one.subject && REAL(other.chain) && known(other));
  return one.chain === 'all' && !hasReal;
}

function levelOf(world: World, series: Series, shown: Row, values: readonly number[]): Level {
  const key: Row =
    world.metric === 'tvl' ? { protocol: series.subject, chain: series.chain } : { token: series.subject };
  const none = Object.fromEntries(
    (world.metric === 'tvl' ? ['name', 'category', 'symbol'] : ['symbol', 'chain']).map((name) => [name, null]),
  );
  const last = values.at(-1) ?? null;
  const fields = { ...none, ...world.properties.get(series.subject), ...key, ...shown, [world.metric]: last };
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (last === null) return { fields, level: { last, avg: last, min: last, max: last } };
  return { fields, level: { last, avg: mean, min: Math.min(...values), max: Math.max(...values) } };
}

function aggregate(
  { operation, field, p = 0, over_time = 'last' }: NonNullable<Request['aggregations']>[number],
  members: readonly Level[],
  metric: string,
): number | null {
  if (field === undefined) return members.length;
  const all = members.map(({ fields, level }) =>
    field === metric ? level[over_time as 'last'] : (fields[field] ?? null),
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

/** Every group that is there gets a row in every bucket. */
function withEmptyBuckets(
  rows: readonly Row[],
  { time, aggregations = [] }: Request,
  starts: (bucket: string, from: number, to: number) => number[],
): Row[] {
  const groupBy = aggregations[0]?.group_by ?? [];
  const groups = new Map(rows.map((row) => [JSON.stringify(groupBy.map((name) => row[name])), row]));
  if (groupBy.length === 0) groups.set('[]', {});
  const filled = [...rows];
  for (const start of starts(time?.bucket ?? '', Date.parse(time?.from ?? ''), Date.parse(time?.to ?? ''))) {
    for (const [key, group] of groups) {
      const isThere = rows.some(
        (row) => row['time'] === iso(start) && JSON.stringify(groupBy.map((name) => row[name])) === key,
      );
      if (isThere) continue;
      const row: Row = { time: iso(start) };
      for (const name of groupBy) row[name] = group[name] ?? null;
      for (const { as, operation } of aggregations) row[as] = operation.startsWith('count') ? 0 : null;
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
  const given = tree.value as Value & (string | number);
  const list = tree.value as (string | number)[];
  switch (tree.op) {
    case 'eq':
      return value === given;
    case 'ne':
      return value !== given;
    case 'gt':
      return value > given;
    case 'gte':
      return value >= given;
    case 'lt':
      return value < given;
    case 'lte':
      return value <= given;
    case 'in':
      return list.includes(value);
    case 'nin':
      return !list.includes(value);
    case 'between':
      return value >= (list[0] ?? 0) && value <= (list[1] ?? 0);
    case 'like':
      return like(String(value), String(given));
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

function fieldsOf(tree: Tree | undefined): string[] {
  if (tree === undefined) return [];
  if ('and' in tree) return tree.and.flatMap(fieldsOf);
  if ('or' in tree) return tree.or.flatMap(fieldsOf);
  return 'not' in tree ? fieldsOf(tree.not) : [tree.field];
}

const iso = (time: number) => new Date(time).toISOString();
