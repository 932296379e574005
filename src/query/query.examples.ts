/** Example requests and answers of the OpenAPI document; a test sends every request. */
export const REQUEST_EXAMPLES: Readonly<Record<string, { summary: string; value: Record<string, unknown> }>> = {
  filters: {
    summary: 'The flat form: filters, one aggregate, sort',
    value: {
      filters: {
        protocols: ['uniswap-v3', 'aave-v3'],
        chains: ['ethereum', 'polygon'],
        tvl_range: { min: 1_000_000, max: 10_000_000_000 },
        change_24h: { min: -0.1, max: 0.1 },
      },
      aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'chain' }],
      sort: { field: 'tvl', order: 'desc' },
      limit: 100,
    },
  },
  tree: {
    summary: 'A tree of conditions',
    value: {
      where: {
        and: [
          { field: 'chain', op: 'in', value: ['ethereum', 'base'] },
          {
            not: {
              or: [
                { field: 'category', op: 'like', value: '%bridge%' },
                { field: 'tvl', op: 'lt', value: 1_000_000 },
              ],
            },
          },
        ],
      },
      sort: { field: 'change_24h', order: 'desc' },
    },
  },
  buckets: {
    summary: 'TVL by chain and hour; gaps are filled with the previous value',
    value: {
      time: { from: 'now-24h', to: 'now', bucket: '1h', fill: 'previous' },
      aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'chain', as: 'total' }],
    },
  },
  percentiles: {
    summary: 'Percentiles of prices over a week, each token by its mean',
    value: {
      dataset: 'prices',
      time: { from: 'now-7d' },
      aggregations: [
        { field: 'price', operation: 'percentile', p: 0.5, over_time: 'avg', as: 'median' },
        { field: 'price', operation: 'percentile', p: 0.95, over_time: 'avg', as: 'p95' },
      ],
    },
  },
  gaps: {
    summary: 'Chains of one protocol by day, including days without a value',
    value: {
      filters: { protocols: ['aave-v3'] },
      time: { from: 'now-7d', bucket: '1d', fill: 'null' },
      aggregations: [
        { field: 'tvl', operation: 'max', over_time: 'max', as: 'highest' },
        { field: 'chain', operation: 'count_distinct', as: 'chains' },
      ],
    },
  },
  ranges: {
    summary: 'Prices grouped by token and price range; groups with missing values come last',
    value: {
      dataset: 'prices',
      filters: { tokens: ['bitcoin', 'ethereum'], price_range: { min: 1 }, change_1h: { min: -0.5 } },
      where: {
        and: [
          { field: 'price', op: 'between', value: [1, 10_000_000] },
          { field: 'source', op: 'nin', value: ['test'] },
          { field: 'symbol', op: 'is_null', value: false },
        ],
      },
      sort: [
        { field: 'market_cap', order: 'desc' },
        { field: 'token', order: 'asc' },
      ],
    },
  },
  having: {
    summary: 'Groups filtered by their aggregates',
    value: {
      aggregations: [
        { field: 'tvl', operation: 'sum', group_by: ['category', 'chain'], as: 'total' },
        { operation: 'count', group_by: ['category', 'chain'] },
      ],
      having: {
        and: [
          { field: 'total', op: 'gte', value: 1_000_000_000 },
          { field: 'count', op: 'gt', value: 3 },
        ],
      },
      sort: { field: 'total', order: 'desc' },
    },
  },
  history: {
    summary: 'Single values of one protocol',
    value: { filters: { protocols: ['aave-v3'] }, time: { from: 'now-6h' }, sort: { field: 'time', order: 'desc' } },
  },
  protocols: {
    summary: 'Protocols of a category',
    value: { dataset: 'protocols', filters: { categories: ['Lending'] }, limit: 20 },
  },
  events: {
    summary: 'Large changes of the last hour, from the log',
    value: { dataset: 'events', where: { field: 'moved', op: 'gte', value: 0.05 }, time: { from: 'now-1h' } },
  },
  explain: {
    summary: 'Plan and estimated cost of a query',
    value: {
      time: { from: 'now-30d', bucket: '1d' },
      aggregations: [{ field: 'tvl', operation: 'sum' }],
      explain: true,
    },
  },
};

export const ANSWER_EXAMPLES = {
  groups: {
    summary: 'Groups',
    value: {
      data: [
        { chain: 'ethereum', sum_tvl: 27_913_000_000 },
        { chain: 'polygon', sum_tvl: 341_000_000 },
      ],
      page: { next_cursor: null, has_more: false },
      meta: {
        as_of: '2026-11-20T10:00:00.000Z',
        took_ms: 8.1,
        cache: 'miss',
        source: 'current',
        cursor: 'k3f9-0000000002a',
        excluded: 3,
      },
    },
  },
  rows: {
    summary: 'Rows with the cursor of the next page',
    value: {
      data: [
        {
          protocol: 'aave-v3',
          chain: 'ethereum',
          tvl: 27_913_000_000,
          name: 'Aave V3',
          category: 'Lending',
          symbol: 'AAVE',
          change_1h: 0.0012,
          change_24h: -0.031,
          change_7d: null,
          source: 'defillama',
          confidence: 1,
          tags: [],
          observed_at: '2026-11-20T09:59:31.000Z',
        },
      ],
      page: { next_cursor: 'WzEsIjN5Ri1XVkYzWnlQayIsbnVsbF0.c2lnbmF0dXJl', has_more: true },
      meta: {
        as_of: '2026-11-20T10:00:00.000Z',
        took_ms: 3.4,
        cache: 'hit',
        source: 'current',
        cursor: 'k3f9-0000000002a',
      },
    },
  },
  buckets: {
    summary: 'Buckets of time',
    value: {
      data: [
        { time: '2026-11-20T08:00:00.000Z', chain: 'ethereum', total: 61_004_000_000 },
        { time: '2026-11-20T09:00:00.000Z', chain: 'ethereum', total: 61_112_000_000 },
      ],
      page: { next_cursor: null, has_more: false },
      meta: {
        as_of: '2026-11-20T10:00:00.000Z',
        took_ms: 41.8,
        cache: 'miss',
        source: 'hourly+raw',
        cursor: 'k3f9-0000000002a',
        relative_error: 0.01,
      },
    },
  },
  explain: {
    summary: 'A plan',
    value: {
      data: [],
      page: { next_cursor: null, has_more: false },
      meta: {
        as_of: '2026-11-20T10:00:00.000Z',
        took_ms: 0.9,
        cache: 'off',
        source: 'daily+hourly+raw',
        cursor: 'k3f9-0000000002a',
      },
      explain: {
        source: 'daily+hourly+raw',
        range: { from: '2026-10-21T10:00:00.000Z', to: '2026-11-20T10:00:00.000Z' },
        daily: { from: '2026-10-22T00:00:00.000Z', to: '2026-11-20T00:00:00.000Z' },
        hourly: { from: '2026-10-21T10:00:00.000Z', to: '2026-11-20T10:00:00.000Z' },
        percentiles: 'exact',
        estimated_rows: 88_000,
        class: 'light',
      },
    },
  },
};
