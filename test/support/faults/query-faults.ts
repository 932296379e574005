const leaf = { field: 'tvl', op: 'gt', value: 1 };
const nested = (depth: number): unknown => (depth === 0 ? leaf : { and: [nested(depth - 1)] });
/** Text that would do harm if it were executed as SQL. */
export const SQL = `'; DROP TABLE protocol_tvl; -- " $1`;

const observed = (value: string) => ({ where: { field: 'observed_at', op: 'gt', value } });

/** Invalid queries, each with the place that the error must name. */
export const BAD_QUERIES: [string, unknown, string][] = [
  ['no object', '[]', ''],
  ['an unknown member', { filter: {} }, '/filter'],
  ['an unknown dataset', { dataset: SQL }, '/dataset'],
  ['a dataset that every object has', { dataset: 'constructor' }, '/dataset'],
  ['an unknown filter', { filters: { [SQL]: ['a'] } }, `/filters/${SQL}`],
  ['a filter that is no list', { filters: { chains: 'ethereum' } }, '/filters/chains'],
  ['a number in a list of texts', { filters: { chains: [1] } }, '/filters/chains/0'],
  ['a text as a bound', { filters: { tvl_range: { min: '1' } } }, '/filters/tvl_range/min'],
  ['a range the wrong way round', { filters: { tvl_range: { min: 2, max: 1 } } }, '/filters/tvl_range'],
  ['a filter of another dataset', { filters: { tokens: ['dai'] } }, '/filters/tokens'],
  ['an unknown field', { where: { field: SQL, op: 'eq', value: 1 } }, '/where/field'],
  ['a field that every object has', { where: { field: 'toString', op: 'eq', value: 1 } }, '/where/field'],
  ['an unknown operator', { where: { field: 'tvl', op: '= 1 OR 1', value: 1 } }, '/where/op'],
  ['an operator that does not fit', { where: { field: 'tvl', op: 'like', value: '%' } }, '/where/op'],
  ['a value of the wrong type', { where: { field: 'tvl', op: 'gt', value: SQL } }, '/where/value'],
  ['an object as a value', { where: { field: 'chain', op: 'eq', value: { $gt: '' } } }, '/where/value'],
  ['an empty list', { where: { field: 'chain', op: 'in', value: [] } }, '/where/value'],
  ['between of three', { where: { field: 'tvl', op: 'between', value: [1, 2, 3] } }, '/where/value'],
  ['two groups at once', { where: { and: [leaf], or: [leaf] } }, '/where/and'],
  ['an empty group', { where: { and: [] } }, '/where/and'],
  ['a range the wrong way round', { where: { field: 'tvl', op: 'between', value: [2, 1] } }, '/where/value'],
  ['a moment before all time', observed('0000-01-01'), '/where/value'],
  ['a moment behind all time', observed('9999-12-31T23:59:59-23:59'), '/where/value'],
  ['a moment of the year 275760', observed('+275760-09-13T00:00:00Z'), '/where/value'],
  ['a text behind a moment', observed('2026-02-28T00:00:00Z0'), '/where/value'],
  ['a day that is none', observed('2026-02-31T00:00:00Z'), '/where/value'],
  ['a range from a day that is none', { time: { from: '2025-02-29' } }, '/time/from'],
  ['a range of the year 275760', { time: { from: '+275760-09-12', to: '+275760-09-13' } }, '/time/from'],
  ['a number behind all numbers', '{"where":{"field":"tvl","op":"gt","value":1e999}}', '/where/value'],
  ['a limit behind all numbers', '{"limit":1e999}', '/limit'],
  ['a half of a character', { filters: { protocols: ['\ud800'] } }, '/filters/protocols/0'],
  ['a zero byte in a pattern', { where: { field: 'name', op: 'like', value: '%\u0000' } }, '/where/value'],
  ['a zero byte in a cursor', { cursor: '\u0000' }, '/cursor'],
  ['a prototype', '{"__proto__":{"limit":1}}', '/__proto__'],
  ['a prototype as a condition', '{"where":{"__proto__":{"field":"tvl","op":"gt","value":1}}}', '/where/__proto__'],
  ['a prototype as a name', { aggregations: [{ operation: 'count', as: '__proto__' }] }, '/aggregations/0/as'],
  ['a field in other letters', { where: { field: 'ch\u0430in', op: 'eq', value: 'base' } }, '/where/field'],
  ['a member twice, the last of them bad', '{"limit":1,"limit":-1}', '/limit'],
  ['no share of a percentile', { aggregations: [{ field: 'tvl', operation: 'percentile' }] }, '/aggregations/0/p'],
  ['a nameless condition', { where: {} }, '/where/field'],
  ['a zero byte', { filters: { protocols: ['a\u0000b'] } }, '/filters/protocols/0'],
  ['a text without end', { filters: { protocols: ['x'.repeat(10_000)] } }, '/filters/protocols/0'],
  ['a time that is none', { time: { from: 'yesterday' } }, '/time/from'],
  ['a time as SQL', { time: { from: `now() ${SQL}` } }, '/time/from'],
  ['an end before its beginning', { time: { from: 'now-1h', to: 'now-2h' } }, '/time'],
  ['an unknown bucket', { time: { bucket: '7m' } }, '/time/bucket'],
  ['fill without buckets', { time: { fill: 'previous' } }, '/time/fill'],
  ['time of what has none', { dataset: 'protocols', time: {} }, '/time'],
  ['history of a field without', { time: {}, where: { field: 'change_1h', op: 'gt', value: 0 } }, '/where/field'],
  ['an unknown operation', { aggregations: [{ field: 'tvl', operation: SQL }] }, '/aggregations/0/operation'],
  ['no operation', { aggregations: [{ field: 'tvl' }] }, '/aggregations/0/operation'],
  ['an operation that is null', { aggregations: [{ field: 'tvl', operation: null }] }, '/aggregations/0/operation'],
  ['a sum of texts', { aggregations: [{ field: 'chain', operation: 'sum' }] }, '/aggregations/0/field'],
  ['a share above one', { aggregations: [{ field: 'tvl', operation: 'percentile', p: 2 }] }, '/aggregations/0/p'],
  ['a name that is SQL', { aggregations: [{ field: 'tvl', operation: 'sum', as: SQL }] }, '/aggregations/0/as'],
  [
    'a name twice',
    {
      aggregations: [
        { field: 'tvl', operation: 'sum' },
        { field: 'tvl', operation: 'sum' },
      ],
    },
    '/aggregations/1/as',
  ],
  ['grouping by a number', { aggregations: [{ operation: 'count', group_by: 'tvl' }] }, '/aggregations/0/group_by'],
  ['having without aggregates', { having: leaf }, '/having'],
  ['having of what is not there', { aggregations: [{ operation: 'count' }], having: leaf }, '/having/field'],
  ['sorting by what is not there', { sort: { field: SQL } }, '/sort/field'],
  ['an order that is none', { sort: { field: 'tvl', order: 'desc; --' } }, '/sort/order'],
  ['a limit of zero', { limit: 0 }, '/limit'],
  ['a limit as text', { limit: '10' }, '/limit'],
  ['a cursor of nowhere', { cursor: SQL }, '/cursor'],
  ['a cursor that is no text', { cursor: 5 }, '/cursor'],
  ['a position of nowhere', { at_least: SQL }, '/at_least'],
  ['explain that is no flag', { explain: 'yes' }, '/explain'],
];

/** Queries that exceed one limit by one. */
export const TOO_LARGE_QUERIES: [string, unknown, string][] = [
  ['depth', { where: nested(6) }, '/where/and/0/and/0/and/0/and/0/and/0'],
  ['conditions', { where: { and: Array.from({ length: 101 }, () => leaf) } }, '/where/and'],
  [
    'conditions of all parts together',
    {
      where: { and: Array.from({ length: 60 }, () => leaf) },
      filters: Object.fromEntries([]),
      aggregations: [{ operation: 'count' }],
      having: { and: Array.from({ length: 41 }, () => ({ field: 'count', op: 'gt', value: 1 })) },
    },
    '/having/and/40',
  ],
  [
    'values of a list',
    { filters: { protocols: Array.from({ length: 501 }, (_, i) => `p${i}`) } },
    '/filters/protocols',
  ],
  [
    'aggregations',
    { aggregations: Array.from({ length: 13 }, (_, i) => ({ field: 'tvl', operation: 'sum', as: `a${i}` })) },
    '/aggregations',
  ],
  ['rows of a page', { limit: 1_001 }, '/limit'],
  [
    'group fields',
    { aggregations: [{ operation: 'count', group_by: ['protocol', 'chain', 'name', 'category', 'symbol'] }] },
    '/aggregations/0/group_by',
  ],
  [
    'differing groups',
    {
      aggregations: [
        { operation: 'count', group_by: 'chain' },
        { field: 'tvl', operation: 'sum', group_by: 'category' },
      ],
    },
    '/aggregations/1/group_by',
  ],
];
