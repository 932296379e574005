/** Requests and answers as the OpenAPI document shows them; a test sends every one. */
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
    summary: 'TVL by chain and hour; gaps carry the last value on',
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
  having: {
    summary: 'Groups by what they add up to',
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
    summary: 'Large moves of the last hour, from the log',
    value: { dataset: 'events', where: { field: 'moved', op: 'gte', value: 0.05 }, time: { from: 'now-1h' } },
  },
  explain: {
    summary: 'What a query would cost',
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
};

const problem = (status: number, code: string, title: string, detail: string, pointer: string, fault: string) => ({
  type: `urn:defi-realtime:error:${code}`,
  title,
  status,
  detail,
  instance: '/v1/query/advanced',
  code,
  errors: [{ pointer, code: fault, detail }],
});

const bad = (pointer: string, fault: string, detail: string) => ({
  summary: fault,
  value: problem(400, 'invalid_request', 'The request is not valid', detail, pointer, fault),
});
const over = (pointer: string, fault: string, detail: string) => ({
  summary: fault,
  value: problem(422, 'limit_exceeded', 'A limit was exceeded', detail, pointer, fault),
});

export const BAD_REQUEST_EXAMPLES = {
  unknown_field: bad(
    '/where/field',
    'unknown_field',
    "The dataset tvl has no field 'apy' to ask for; it has protocol, chain, tvl, ….",
  ),
  unknown_operator: bad('/where/op', 'unknown_operator', "Give op, one of eq, ne, gt, …; not 'equals'."),
  operator_mismatch: bad(
    '/where/op',
    'operator_mismatch',
    'like does not fit tvl, which is a number; use eq, ne, gt, ….',
  ),
  invalid_type: bad('/where/value', 'invalid_type', 'Give a finite number, without quotes.'),
  invalid_time: bad(
    '/time/from',
    'invalid_time',
    'Give an ISO 8601 time with a zone (2026-11-20T10:00:00Z), a date, now, or now-<number><m|h|d|w>.',
  ),
  no_history: bad(
    '/filters/change_24h',
    'no_history',
    'change_24h has no recorded history: leave time out, or use protocol, chain, tvl, ….',
  ),
  invalid_cursor: bad('/cursor', 'invalid_cursor', 'The cursor is not one of this API: start again without it.'),
  cursor_mismatch: bad(
    '/cursor',
    'cursor_mismatch',
    'The cursor belongs to another query: send the query it came from, or leave it out.',
  ),
};

export const LIMIT_EXAMPLES = {
  too_deep: over('/where/and/0', 'too_deep', 'At most 5 levels of and, or, not; join levels of the same kind.'),
  too_many_values: over(
    '/filters/protocols',
    'too_many_values',
    'At most 500 values in one list; ask several times, or for a category or chain.',
  ),
  too_many_rows: over('/limit', 'too_many_rows', 'At most 1000 rows a page; get the rest with page.next_cursor.'),
  differing_group_by: over(
    '/aggregations/1/group_by',
    'differing_group_by',
    'All aggregations of one query have the same group_by; ask once for each grouping.',
  ),
  too_many_groups: over(
    '/aggregations',
    'too_many_groups',
    'More than 10000 groups; use a longer time.bucket, a shorter range, fewer group_by fields, or having.',
  ),
  too_slow: over(
    '',
    'too_slow',
    'The query took longer than 30 s; use a shorter range, a longer time.bucket, or fewer protocols.',
  ),
};

export const BUSY_EXAMPLES = {
  busy: {
    summary: 'No turn in time',
    value: {
      type: 'urn:defi-realtime:error:unavailable',
      title: 'Temporarily unavailable',
      status: 503,
      detail: 'Too many queries at the moment; try again later, or ask something smaller.',
      instance: '/v1/query/advanced',
      code: 'unavailable',
    },
  },
};
