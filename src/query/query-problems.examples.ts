/** Faults of queries, as shown in the OpenAPI document; a test causes each of them. `…` stands for any text. */

interface Example {
  readonly summary: string;
  readonly value: object;
}

const problem = (status: number, code: string, title: string, detail: string, pointer: string, fault: string) => ({
  type: `urn:defi-realtime:error:${code}`,
  title,
  status,
  detail,
  instance: '/v1/query/advanced',
  code,
  errors: [{ pointer, code: fault, detail }],
});

/** Returns the examples by the code of the fault. */
function examples(
  of: (pointer: string, fault: string, detail: string) => object,
  faults: Readonly<Record<string, readonly [pointer: string, detail: string]>>,
): Record<string, Example> {
  return Object.fromEntries(
    Object.entries(faults).map(([fault, [pointer, detail]]) => [
      fault,
      { summary: fault, value: of(pointer, fault, detail) },
    ]),
  );
}

const bad = (pointer: string, fault: string, detail: string) =>
  problem(400, 'invalid_request', 'The request is not valid', detail, pointer, fault);
const over = (pointer: string, fault: string, detail: string) =>
  problem(422, 'limit_exceeded', 'A limit was exceeded', detail, pointer, fault);

export const BAD_REQUEST_EXAMPLES = examples(bad, {
  unknown_field: [
    '/where/field',
    "The dataset tvl has no field 'apy' for queries; its fields are protocol, chain, tvl, ….",
  ],
  unknown_operator: ['/where/op', "op must be one of eq, ne, gt, …, not 'equals'."],
  unknown_value: ['/time/bucket', "Unknown value '7m'; allowed: 5m, 15m, 1h, …, 1mo."],
  operator_mismatch: ['/where/op', 'like cannot be used with tvl, which is a number; use eq, ne, gt, ….'],
  operation_mismatch: ['/aggregations/0/field', "sum needs a number field; 'chain' is not a number. Use tvl, …."],
  required: ['/aggregations/0/operation', 'operation must be one of sum, avg, ….'],
  invalid_type: ['/where/value', 'The value must be a finite number, without quotes.'],
  invalid_time: [
    '/time/from',
    'The time must be ISO 8601 with a zone, such as 2026-11-20T10:00:00Z, or a day, or now-7d (m, h, d, w), or Unix milliseconds.',
  ],
  invalid_name: [
    '/aggregations/0/as',
    'A column name must have up to 63 letters, digits and _, and must not begin with a digit; reserved names: ….',
  ],
  duplicate_name: [
    '/aggregations/1/as',
    'Column names must be unique; use as to give this column a name other than sum_tvl.',
  ],
  empty_range: ['/time', 'time.from must be before time.to.'],
  out_of_range: ['/aggregations/0/p', 'p must be a number between 0 and 1: 0.95 for the 95th percentile.'],
  only_percentile: ['/aggregations/0/p', 'p is only allowed with percentile; remove it.'],
  not_groupable: ['/aggregations/0/group_by', 'group_by must name text fields; tvl is not a text field.'],
  needs_aggregations: ['/having', 'having needs aggregations; add some, or move the condition to where.'],
  needs_bucket: ['/time/fill', 'fill needs time.bucket, one of 5m, ….'],
  no_levels: ['/time/fill', 'fill must be none or null for this dataset; previous is for tvl and prices only.'],
  no_history: ['/filters/change_24h', 'change_24h has no recorded history: omit time, or use protocol, chain, tvl, ….'],
  invalid_cursor: ['/cursor', 'The cursor was not issued by this API: omit it to start with the first page.'],
  cursor_mismatch: [
    '/cursor',
    'The cursor belongs to another query: send it with the query whose answer contained it, or omit it.',
  ],
  cursor_expired: ['/at_least', 'at_least belongs to another epoch of the log; omit it.'],
});

export const LIMIT_EXAMPLES = examples(over, {
  too_deep: [
    '/where/and/0/and/0/and/0/and/0/and/0',
    'At most 5 levels of and, or, not are allowed; merge nested levels of the same kind.',
  ],
  too_many_conditions: [
    '/where/and',
    'At most 100 conditions are allowed in one query; combine values of a field into a list with in.',
  ],
  too_many_values: [
    '/filters/protocols',
    'At most 500 values are allowed in one list; send several queries, or select by category or chain.',
  ],
  too_many_aggregations: ['/aggregations', 'A query must have at most 12 aggregations; send two queries.'],
  too_many_sort_keys: ['/sort', 'sort must have at most 4 fields.'],
  too_many_rows: ['/limit', 'At most 1000 rows are allowed per page; request the others with page.next_cursor.'],
  differing_group_by: [
    '/aggregations/1/group_by',
    'All aggregations of a query must have the same group_by; send a query for each grouping.',
  ],
  too_many_groups: [
    '/aggregations',
    'The query has more than 10000 groups; use a longer time.bucket, a shorter range, fewer group_by fields, or having.',
  ],
  too_many_buckets: [
    '/time',
    'At most 10000 buckets are allowed with fill; use a longer time.bucket, a shorter range, or fill none.',
  ],
  not_kept: ['/time/from', 'Buckets of 5m are available from …; start there, or use time.bucket 1h or longer.'],
  too_costly: [
    '/time',
    'The query would read about … rows; at most 60000000 are allowed. Use a longer time.bucket, a shorter range, or fewer protocols.',
  ],
  too_slow: ['', 'The query took longer than 30 s; use a shorter range, a longer time.bucket, or fewer protocols.'],
});

const unavailable = (summary: string, detail: string): Example => ({
  summary,
  value: {
    type: 'urn:defi-realtime:error:unavailable',
    title: 'Temporarily unavailable',
    status: 503,
    detail,
    instance: '/v1/query/advanced',
    code: 'unavailable',
  },
});

export const BUSY_EXAMPLES = {
  busy: unavailable('Too many queries', 'Too many queries at the moment; try again later, or send a smaller query.'),
  not_reached: unavailable(
    'Log not yet read up to at_least',
    'This process has not yet read the log up to at_least; try again.',
  ),
};
