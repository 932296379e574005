import fc from 'fast-check';
import { nameOf, type Aggregation, type Request, type Tree } from './naive-query.js';
import type { DatasetName } from './naive-rows.js';
import { FIRST_DAY, LAST_MINUTE, MINUTE, NOTED_MOMENTS } from './query-world.js';

type Kind = 'text' | 'number' | 'time' | 'texts';
type Fields = Readonly<Record<string, Kind>>;

const TEXTS: Readonly<Record<string, readonly string[]>> = {
  protocol: ['aave', 'lido', 'curve', 'maker'],
  chain: ['ethereum', 'base', 'all', 'staking'],
  chains: ['ethereum', 'base', 'solana'],
  token: ['bitcoin', 'dai', 'base:0xab'],
  category: ['Dexs', 'Lending'],
  symbol: ['lid', 'cur', 'BTC', 'ETH'],
  name: ['AAVE', 'LIDO'],
  source: ['node', 'api'],
  event_type: ['tvl_change', 'price_change', 'protocol_update', 'alert'],
  tags: ['a', 'b', 'c'],
  url: ['https://aave.example'],
};
const OBSERVATION: Fields = { source: 'text', confidence: 'number', tags: 'texts', observed_at: 'time' };
const CHANGES: Fields = { change_1h: 'number', change_24h: 'number', change_7d: 'number' };
const OF_PROTOCOL: Fields = { name: 'text', category: 'text', symbol: 'text' };

/** Fields of each dataset: current ones, and those with a time range. */
const FIELDS: Readonly<Record<DatasetName, Fields>> = {
  tvl: { protocol: 'text', chain: 'text', tvl: 'number', ...OF_PROTOCOL, ...CHANGES, ...OBSERVATION },
  prices: {
    token: 'text',
    symbol: 'text',
    chain: 'text',
    price: 'number',
    volume_24h: 'number',
    market_cap: 'number',
    ...CHANGES,
    ...OBSERVATION,
  },
  protocols: { protocol: 'text', ...OF_PROTOCOL, url: 'text', chains: 'texts', tvl: 'number', updated_at: 'time' },
  events: {
    event_type: 'text',
    protocol: 'text',
    chain: 'text',
    token: 'text',
    ...OF_PROTOCOL,
    previous: 'number',
    current: 'number',
    change: 'number',
    moved: 'number',
    volume_24h: 'number',
    market_cap: 'number',
    ...OBSERVATION,
    logged_at: 'time',
  },
};
const IN_TIME: Readonly<Record<'tvl' | 'prices', Fields>> = {
  tvl: { protocol: 'text', chain: 'text', tvl: 'number', ...OF_PROTOCOL },
  prices: { token: 'text', symbol: 'text', chain: 'text', price: 'number' },
};

/** Returns the columns of rows without groups. */
export function columnsOf({ dataset, time }: Request): string[] {
  if (dataset === 'protocols' || dataset === 'events')
    return [...(dataset === 'events' ? ['seq'] : []), ...Object.keys(FIELDS[dataset])];
  return time === undefined ? Object.keys(FIELDS[dataset]) : ['time', ...Object.keys(IN_TIME[dataset])];
}

const moment = fc.constantFrom(...NOTED_MOMENTS).map((time) => new Date(time).toISOString());
const listOf = <T>(of: fc.Arbitrary<T>) => fc.array(of, { minLength: 1, maxLength: 3 });

const inOrder = <T>([a, b]: [T, T]): [T, T] => (a <= b ? [a, b] : [b, a]);

function numberOf(field: string): fc.Arbitrary<number> {
  if (field.startsWith('change')) return fc.constantFrom(-1, -0.5, 0, 0.5, 1);
  if (field === 'confidence' || field === 'moved') return fc.constantFrom(0.01, 0.5, 0.9, 1);
  return fc.integer({ min: -3, max: 9 });
}

function leaf(field: string, kind: Kind): fc.Arbitrary<Tree> {
  const value: fc.Arbitrary<string | number> =
    kind === 'number' ? numberOf(field) : kind === 'time' ? moment : fc.constantFrom(...(TEXTS[field] ?? ['x']));
  const one = (...ops: string[]) => fc.record({ field: fc.constant(field), op: fc.constantFrom(...ops), value });
  const isNull = fc.record({ field: fc.constant(field), op: fc.constant('is_null'), value: fc.boolean() });
  const list = fc.record({ field: fc.constant(field), op: fc.constantFrom('in', 'nin'), value: listOf(value) });
  const both = [one('eq', 'ne'), list, isNull];
  if (kind === 'texts') return fc.oneof(...both);
  if (kind === 'text') {
    const pattern = fc.constantFrom('%A%', '_a%', 'l%', '%', 'e_h', '%e');
    return fc.oneof(...both, fc.record({ field: fc.constant(field), op: fc.constant('like'), value: pattern }));
  }
  const between = fc.record({
    field: fc.constant(field),
    op: fc.constant('between'),
    value: fc.tuple(value, value).map(inOrder),
  });
  return fc.oneof(...both, one('gt', 'gte', 'lt', 'lte'), between);
}

function tree(fields: Fields): fc.Arbitrary<Tree> {
  const leaves = fc.oneof(...Object.entries(fields).map(([field, kind]) => leaf(field, kind)));
  return fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      leaves,
      fc.record({ and: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ or: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ not: tie('tree') }),
    ),
  })).tree;
}

/** Returns the flat form of conditions (`filters`). */
function filtersOf(dataset: DatasetName, fields: Fields): fc.Arbitrary<NonNullable<Request['filters']>> {
  const list = (field: string) => fc.array(fc.constantFrom(...(TEXTS[field] ?? ['x'])), { maxLength: 3 });
  const range = (field: string) =>
    fc
      .record({ min: numberOf(field), max: numberOf(field) }, { requiredKeys: [] })
      .map(({ min, max }) =>
        min !== undefined && max !== undefined && min > max
          ? { min: max, max: min }
          : { ...(min !== undefined && { min }), ...(max !== undefined && { max }) },
      );
  const has = (name: string) => Object.hasOwn(fields, name);
  return fc.record(
    {
      ...(has('protocol') && { protocols: list('protocol') }),
      ...((has('chain') || has('chains')) && { chains: list(has('chain') ? 'chain' : 'chains') }),
      ...(has('token') && { tokens: list('token') }),
      ...(has('category') && { categories: list('category') }),
      ...(dataset === 'tvl' || dataset === 'protocols' ? { tvl_range: range('tvl') } : {}),
      ...(dataset === 'prices' && { price_range: range('price') }),
      ...(has('change_24h') && { change_1h: range('change'), change_24h: range('change'), change_7d: range('change') }),
    },
    { requiredKeys: [] },
  );
}

const FINE = ['5m', '15m'];
const timeOf = (dataset: DatasetName): fc.Arbitrary<NonNullable<Request['time']>> =>
  fc
    .record({
      from: fc.integer({ min: -200, max: 3 * 24 * 60 }),
      minutes: fc.oneof(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 600, max: 3 * 24 * 60 + 300 })),
      aligned: fc.constantFrom(1, 60, 1_440),
      bucket: fc.constantFrom(
        undefined,
        '1h' as const,
        '4h' as const,
        '1d' as const,
        '1w' as const,
        '1mo' as const,
        '15m' as const,
        '5m' as const,
      ),
      fill: fc.constantFrom('none' as const, 'null' as const, ...(dataset === 'events' ? [] : ['previous' as const])),
    })
    .map(({ from, minutes, aligned, bucket, fill }) => {
      const start = Math.floor(from / aligned) * aligned;
      const length = bucket !== undefined && FINE.includes(bucket) ? Math.min(minutes, 600) : minutes;
      // The range never ends now, because today's writes of the test are not part of the world.
      const end = Math.min(start + Math.ceil(length / aligned) * aligned, LAST_MINUTE);
      return {
        from: new Date(FIRST_DAY + start * MINUTE).toISOString(),
        to: new Date(FIRST_DAY + end * MINUTE).toISOString(),
        ...(bucket !== undefined && { bucket, fill }),
      };
    });

function aggregationOf(fields: Fields): fc.Arbitrary<Aggregation> {
  const names = (...kinds: Kind[]) => Object.keys(fields).filter((name) => kinds.includes(fields[name] ?? 'texts'));
  const numbers = fc.constantFrom(...names('number'));
  const overTime = fc.constantFrom('last', 'avg', 'min', 'max');
  return fc.oneof(
    fc.record({
      field: numbers,
      operation: fc.constantFrom('sum', 'avg', 'min', 'max', 'count', 'count_distinct'),
      over_time: overTime,
    }),
    fc.record({
      field: numbers,
      operation: fc.constant('percentile'),
      p: fc.constantFrom(0, 0.25, 0.5, 0.9, 1),
      over_time: overTime,
    }),
    fc.record({ operation: fc.constant('count') }),
    fc.record({
      field: fc.constantFrom(...names('text', 'time')),
      operation: fc.constantFrom('count', 'count_distinct'),
    }),
  );
}

/**
 * Whether the last digits of an aggregate depend on the order of addition, so that comparisons with it cannot be
 * predicted.
 */
function isInexact({ operation, field = '', over_time: overTime }: Aggregation, inTime: boolean): boolean {
  const isFraction =
    field.startsWith('change') || ['moved', 'confidence'].includes(field) || (inTime && overTime === 'avg');
  return isFraction && (operation === 'sum' || operation === 'avg');
}

const orders = fc.constantFrom('asc' as const, 'desc' as const);
const sortOf = (names: readonly string[]) =>
  fc.option(fc.array(fc.record({ field: fc.constantFrom(...names), order: orders }), { minLength: 1, maxLength: 3 }), {
    nil: undefined,
  });

/**
 * Returns any request to a dataset: rows or groups, with or without time, in both forms of conditions. `changes`: whether
 * change fields may be requested.
 */
export function requests(dataset: DatasetName, changes: boolean): fc.Arbitrary<Request> {
  const times =
    dataset === 'protocols' ? fc.constant(undefined) : fc.option(timeOf(dataset), { nil: undefined, freq: 3 });
  return times.chain((time) => {
    const inTime = time !== undefined && (dataset === 'tvl' || dataset === 'prices');
    const all = inTime ? IN_TIME[dataset] : FIELDS[dataset];
    const fields = Object.fromEntries(Object.entries(all).filter(([name]) => changes || !name.startsWith('change_')));
    const texts = Object.keys(fields).filter((name) => fields[name] === 'text');
    const sortable = Object.keys(fields).filter((name) => fields[name] !== 'texts');
    return fc
      .record({
        filters: fc.option(filtersOf(dataset, fields), { nil: undefined, freq: 2 }),
        where: fc.option(tree(fields), { nil: undefined, freq: 2 }),
        aggregations: fc.array(aggregationOf(fields), { maxLength: 3 }),
        groupBy: fc.uniqueArray(fc.constantFrom(...texts), { maxLength: 2 }),
        named: fc.boolean(),
      })
      .chain(({ filters, where, aggregations, groupBy, named }): fc.Arbitrary<Request> => {
        const base: Request = {
          dataset,
          ...(filters !== undefined && { filters }),
          ...(where !== undefined && { where }),
          ...(time !== undefined && { time }),
        };
        if (aggregations.length === 0) {
          return sortOf([...(inTime ? ['time'] : []), ...sortable]).map((sort) => ({ ...base, ...(sort && { sort }) }));
        }
        // The first aggregate may have its default name.
        const shown = aggregations.map((one, index) => ({
          ...one,
          ...((named || index > 0) && { as: `a${index}` }),
          group_by: groupBy,
        }));
        const first = nameOf(shown[0] ?? { operation: 'count' });
        const columns: Fields = {
          ...(shown[0] && !isInexact(shown[0], inTime) && { [first]: 'number' as const }),
          ...Object.fromEntries(groupBy.map((name) => [name, 'text' as const])),
        };
        const conditions = Object.keys(columns).length > 0 ? tree(columns) : fc.constant(undefined);
        const byField = shown.flatMap(({ field }) => (field === undefined || field === 'time' ? [] : [field]));
        const sorts = sortOf([
          ...(time?.bucket === undefined ? [] : ['time']),
          ...shown.map(nameOf),
          ...groupBy,
          ...byField,
        ]);
        return fc
          .record({ having: fc.option(conditions, { nil: undefined, freq: 2 }), sort: sorts })
          .map(({ having, sort }) => ({
            ...base,
            aggregations: shown,
            ...(having !== undefined && { having }),
            ...(sort && { sort }),
          }));
      });
  });
}
