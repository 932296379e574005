import type { Series } from './query-history.js';

export type Question = Readonly<Record<string, unknown>>;

/** Returns the query in the documentation; a different `least` TVL makes it a different query of equal cost. */
export function printedExample(least = 1_000_000): Question {
  return {
    filters: {
      protocols: ['uniswap-v3', 'aave-v3'],
      chains: ['ethereum', 'polygon'],
      tvl_range: { min: least, max: 10_000_000_000 },
      change_24h: { min: -0.1, max: 0.1 },
    },
    aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'chain' }],
    sort: { field: 'tvl', order: 'desc' },
    limit: 100,
  };
}

/** Returns a query for the mean TVL by chain and hour over 30 days; `least` as for `printedExample`. */
export function groupByHour(least = 0): Question {
  return {
    where: { field: 'tvl', op: 'gte', value: least },
    time: { from: 'now-30d', to: 'now', bucket: '1h' },
    aggregations: [{ field: 'tvl', operation: 'avg', over_time: 'avg', group_by: 'chain' }],
    limit: 1_000,
  };
}

/** Returns a query for percentiles of the mean TVL over seven days, by chain. */
export function percentiles(least = 0): Question {
  return {
    where: { field: 'tvl', op: 'gte', value: least },
    time: { from: 'now-7d', to: 'now' },
    aggregations: [0.5, 0.95, 0.99].map((p) => ({
      field: 'tvl',
      operation: 'percentile',
      p,
      over_time: 'avg',
      group_by: 'chain',
      as: `p${p * 100}`,
    })),
    limit: 1_000,
  };
}

/** Query for all series by hour, oldest first, in pages. */
export const WALK: Question = {
  time: { from: 'now-30d', to: 'now', bucket: '1h' },
  sort: { field: 'time', order: 'asc' },
  limit: 100,
};

/** Returns queries that dashboards repeat. */
export function repeatedQuestions(): Question[] {
  return [
    printedExample(),
    groupByHour(),
    percentiles(),
    { sort: { field: 'tvl', order: 'desc' }, limit: 50 },
    { sort: { field: 'change_24h', order: 'desc' }, limit: 50 },
    { aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'category' }] },
    {
      aggregations: [
        { field: 'tvl', operation: 'sum', group_by: 'chain' },
        { operation: 'count', group_by: 'chain' },
      ],
    },
    { dataset: 'protocols', filters: { categories: ['Lending'] }, limit: 20 },
    {
      time: { from: 'now-30d', bucket: '1d' },
      aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'chain' }],
    },
    ...['uniswap-v3', 'aave-v3', 'protocol-7', 'protocol-12'].map((protocol) => ({
      filters: { protocols: [protocol] },
      time: { from: 'now-7d', bucket: '1h' },
      aggregations: [{ field: 'tvl', operation: 'sum' }],
    })),
  ];
}

/** Returns query `n` of this client, which no client has sent before. */
export function newQuestion(series: readonly Series[], n: number): Question {
  const { protocol, chain } = series[(n * 7_919) % series.length] ?? { protocol: '', chain: '' };
  const some = Array.from({ length: 20 }, (_, i) => series[(n * 31 + i * 97) % series.length]?.protocol ?? '');
  switch (n % 5) {
    case 0:
      return printedExample(1_000_000 + n / 1_000);
    case 1:
      return {
        filters: { protocols: [protocol] },
        time: { from: `now-${(n % 700) + 20}h`, bucket: '1h' },
        limit: 1_000,
      };
    case 2:
      return {
        filters: { protocols: some, tvl_range: { min: n / 1_000 } },
        time: { from: 'now-30d', bucket: '1d' },
        aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'chain' }],
      };
    case 3:
      return { filters: { chains: [chain], tvl_range: { min: n / 1_000 } }, sort: { field: 'tvl', order: 'desc' } };
    default:
      return {
        filters: { tvl_range: { min: 1_000_000 + n / 1_000 } },
        aggregations: [{ field: 'tvl', operation: 'percentile', p: 0.9, group_by: 'category' }],
      };
  }
}
