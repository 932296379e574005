import { bucketStart, bucketStarts } from '../../../src/query/core/time.js';
import type { Request, Row } from './naive-query.js';

export type DatasetName = 'tvl' | 'prices' | 'protocols' | 'events';

/** One recorded value of a series. */
export interface Point {
  readonly at: number;
  readonly value: number;
  /** Order of points with the same time: the later one has the higher number. */
  readonly seq: number;
  /** Time of writing: before the first aggregation, before the second, after it, or only in the log. */
  readonly round: 0 | 1 | 2 | 3;
}

/** Other columns of the series' row in the table. */
export interface Observation {
  readonly source: string;
  readonly confidence: number;
  readonly tags: readonly string[];
  readonly observed_at: string;
}

export interface Series {
  readonly subject: string;
  readonly chain: string;
  /** Current value in the table; undefined if the row is gone. */
  readonly current: number | undefined;
  readonly observation: Observation;
  /** Points sorted by time, then `seq`. */
  readonly points: readonly Point[];
}

/** All data that can be queried. */
export interface World {
  /** Time at which the world was created, from which changes are computed. */
  readonly now: number;
  readonly tvl: readonly Series[];
  readonly prices: readonly Series[];
  /** name, category, symbol, chains, url and updated_at, by slug. */
  readonly protocols: ReadonlyMap<string, Row>;
  /** symbol, chain, volume_24h and market_cap, by token. */
  readonly tokens: ReadonlyMap<string, Row>;
  /** Rows of the log that the requester may see. */
  readonly events: readonly Row[];
}

/** Row before conditions: its fields, and for time series the level of its bucket in every reading. */
export interface Candidate {
  readonly fields: Row;
  readonly level?: { of: string; last: number | null; avg: number | null; min: number | null; max: number | null };
}

const REAL = (chain: string) => chain !== 'all' && !/(^|-)(staking|borrowed)$/.test(chain);
const NO_PROTOCOL: Row = { name: null, category: null, symbol: null };
const NO_TOKEN: Row = { symbol: null, chain: null };
const HOURS = { change_1h: 1, change_24h: 24, change_7d: 168 };

/** Returns all rows of the request's dataset, before its conditions. */
export function ofDataset(world: World, request: Request, namesChain: boolean): Candidate[] {
  if (request.dataset === 'protocols') return protocols(world);
  if (request.dataset === 'events') return events(world, request);
  const all = world[request.dataset];
  const chosen =
    request.dataset === 'prices' || namesChain
      ? all
      : all.filter((one) => (request.time === undefined ? counts(all, one) : REAL(one.chain) || one.chain === 'all'));
  if (request.time === undefined) return chosen.flatMap((series) => current(world, request.dataset, series));
  const endOf = (series: Series) =>
    request.dataset === 'prices' || namesChain || series.chain !== 'all'
      ? Infinity
      : firstOfChains(all, series.subject);
  return chosen.flatMap((series) => levels(world, request, series, endOf(series)));
}

/** Returns the time of the first value of a real chain: until then the total is the value given by the source. */
function firstOfChains(all: readonly Series[], subject: string): number {
  const chains = all.filter((other) => other.subject === subject && REAL(other.chain));
  return Math.min(...chains.flatMap(({ points }) => points[0]?.at ?? []));
}

/** Whether a series counts in the total: real chains do, `all` only without real chains. */
function counts(all: readonly Series[], { subject, chain }: Series): boolean {
  if (REAL(chain)) return true;
  const others = all.filter((other) => other.subject === subject && other.current !== undefined);
  return chain === 'all' && !others.some((other) => REAL(other.chain));
}

function keyOf(world: World, dataset: string, { subject, chain }: Series): Row {
  return dataset === 'tvl'
    ? { ...NO_PROTOCOL, ...pick(world.protocols.get(subject), NO_PROTOCOL), protocol: subject, chain }
    : { ...NO_TOKEN, ...pick(world.tokens.get(subject), NO_TOKEN), token: subject };
}

function current(world: World, dataset: string, series: Series): Candidate[] {
  const { current: value, points } = series;
  if (value === undefined) return [];
  const fields: Row = { ...keyOf(world, dataset, series), ...series.observation };
  fields[dataset === 'tvl' ? 'tvl' : 'price'] = value;
  if (dataset === 'prices')
    Object.assign(fields, pick(world.tokens.get(series.subject), { volume_24h: null, market_cap: null }));
  for (const [name, hours] of Object.entries(HOURS)) {
    const before = points.filter(({ at }) => at <= world.now - hours * 3_600_000).at(-1)?.value;
    fields[name] = before === undefined || before === 0 ? null : (value - before) / before;
  }
  return [{ fields }];
}

function protocols({ protocols: all, tvl }: World): Candidate[] {
  return [...all].map(([protocol, row]) => {
    const values = tvl.filter(({ subject, current: value }) => subject === protocol && value !== undefined);
    const real = values.filter(({ chain }) => REAL(chain));
    const counted = real.length > 0 ? real : values.filter(({ chain }) => chain === 'all');
    const sum = counted.reduce((total, { current: value = 0 }) => total + value, 0);
    return { fields: { ...row, protocol, tvl: counted.length > 0 ? sum : null } };
  });
}

function events({ events: all }: World, { time }: Request): Candidate[] {
  if (time === undefined) return all.map((fields) => ({ fields }));
  const [from, to] = [new Date(time.from).toISOString(), new Date(time.to).toISOString()];
  const inside = all.filter(({ logged_at }) => String(logged_at) >= from && String(logged_at) < to);
  const { bucket } = time;
  if (bucket === undefined) return inside.map((fields) => ({ fields }));
  return inside.map((fields) => ({
    fields: { ...fields, time: iso(bucketStart(bucket, Date.parse(String(fields['logged_at'])))) },
  }));
}

/** Returns the rows of a time series: single values, one level over the whole range, or one level per bucket. */
function levels(
  world: World,
  { dataset, time, aggregations = [] }: Request,
  series: Series,
  until: number,
): Candidate[] {
  if (time === undefined) return [];
  const of = dataset === 'tvl' ? 'tvl' : 'price';
  const key = keyOf(world, dataset, series);
  const level = (shown: Row, values: readonly number[]): Candidate => {
    const last = values.at(-1) ?? null;
    const fields = { ...key, ...shown, [of]: last };
    if (last === null) return { fields, level: { of, last, avg: last, min: last, max: last } };
    const avg = values.reduce((sum, value) => sum + value, 0) / values.length;
    return { fields, level: { of, last, avg, min: Math.min(...values), max: Math.max(...values) } };
  };
  const [from, to] = [Date.parse(time.from), Date.parse(time.to)];
  const inside = series.points.filter(({ at }) => at >= from && at < to);
  if (time.bucket === undefined && aggregations.length === 0) {
    return inside.filter(({ at }) => at < until).map(({ at, value }) => level({ time: iso(at) }, [value]));
  }
  if (time.bucket === undefined) {
    return inside.length === 0 || until < to
      ? []
      : [
          level(
            {},
            inside.map(({ value }) => value),
          ),
        ];
  }
  const buckets = bucketStarts(time.bucket, from, to, 100_000);
  let carried = series.points.filter(({ at }) => at < from).at(-1)?.value;
  return buckets.flatMap((start, index) => {
    const end = buckets[index + 1] ?? to;
    if (until < Math.min(end, to)) return [];
    const values = inside.filter(({ at }) => at >= start && at < end).map(({ value }) => value);
    carried = values.at(-1) ?? carried;
    const shown = { time: iso(start) };
    if (values.length > 0) return [level(shown, values)];
    if (time.fill === 'previous' && carried !== undefined) return [level(shown, [carried])];
    return time.fill === 'null' && aggregations.length === 0 ? [level(shown, [])] : [];
  });
}

function pick(row: Row | undefined, like: Row): Row {
  return Object.fromEntries(Object.keys(like).map((name) => [name, row?.[name] ?? null]));
}

const iso = (time: number) => new Date(time).toISOString();
