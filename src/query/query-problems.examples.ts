/** Faults of queries, as the OpenAPI document shows them; a test causes each of them. `…` stands for a list. */

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

/** Returns the examples by the code of their fault. */
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
  unknown_field: ['/where/field', "The dataset tvl has no field 'apy' to ask for; it has protocol, chain, tvl, …."],
  unknown_operator: ['/where/op', "Give op, one of eq, ne, gt, …; not 'equals'."],
  unknown_value: ['/time/bucket', "Use one of 5m, 15m, 1h, …, 1mo instead of '7m'."],
  operator_mismatch: ['/where/op', 'like does not fit tvl, which is a number; use eq, ne, gt, ….'],
  operation_mismatch: ['/aggregations/0/field', "sum needs a number; 'chain' is not one. Use tvl, …."],
  required: ['/aggregations/0/operation', 'Give operation, one of sum, avg, ….'],
  invalid_type: ['/where/value', 'Give a finite number, without quotes.'],
  invalid_time: [
    '/time/from',
    'The time must be ISO 8601 with a zone, such as 2026-11-20T10:00:00Z, or a day, or now-7d (m, h, d, w), or Unix milliseconds.',
  ],
  invalid_name: [
    '/aggregations/0/as',
    'Name the column with up to 63 letters, digits and _, not beginning with a digit; taken are …',
  ],
  duplicate_name: [
    '/aggregations/1/as',
    'Column names must be unique; give this one a name other than sum_tvl with as.',
  ],
  empty_range: ['/time', 'time.from must be before time.to.'],
  out_of_range: ['/aggregations/0/p', 'p must be a number between 0 and 1: 0.95 for the 95th percentile.'],
  only_percentile: ['/aggregations/0/p', 'p belongs to percentile; remove it.'],
  not_groupable: ['/aggregations/0/group_by', 'Group by a text field; tvl is not one.'],
  needs_aggregations: ['/having', 'having refers to aggregates: give aggregations, or put this into where.'],
  needs_bucket: ['/time/fill', 'fill needs time.bucket, one of 5m, ….'],
  no_levels: ['/time/fill', 'Only levels can be carried on: use fill none or null here.'],
  no_history: [
    '/filters/change_24h',
    'change_24h has no recorded history: leave time out, or use protocol, chain, tvl, ….',
  ],
  not_available: ['/dataset', 'There are no points to query in this deployment; use tvl, ….'],
  invalid_cursor: ['/cursor', 'The cursor is not one of this API: start again without it.'],
  cursor_mismatch: ['/cursor', 'The cursor belongs to another query: send the query it came from, or leave it out.'],
  cursor_expired: ['/at_least', 'at_least belongs to an earlier epoch of the log; leave it out.'],
});

export const LIMIT_EXAMPLES = examples(over, {
  too_deep: ['/where/and/0/and/0/and/0/and/0/and/0', 'At most 5 levels of and, or, not; join levels of the same kind.'],
  too_many_conditions: [
    '/where/and',
    'At most 100 conditions in one query; put values of one field into a list with in.',
  ],
  too_many_values: [
    '/filters/protocols',
    'At most 500 values in one list; ask several times, or for a category or chain.',
  ],
  too_many_aggregations: ['/aggregations', 'At most 12 aggregations in one query; ask twice.'],
  too_many_sort_keys: ['/sort', 'At most 4 fields to sort by.'],
  too_many_rows: ['/limit', 'At most 1000 rows a page; get the rest with page.next_cursor.'],
  differing_group_by: [
    '/aggregations/1/group_by',
    'All aggregations of one query have the same group_by; ask once for each grouping.',
  ],
  too_many_groups: [
    '/aggregations',
    'More than 10000 groups; use a longer time.bucket, a shorter range, fewer group_by fields, or having.',
  ],
  too_many_buckets: [
    '/time',
    'At most 10000 buckets with fill; use a longer time.bucket, a shorter range, or fill none.',
  ],
  not_kept: ['/time/from', 'Buckets of 5m go back to …; begin there, or use time.bucket 1h or longer.'],
  too_costly: [
    '/time',
    'About … rows would have to be read, at most 60000000 may; use a longer time.bucket, a shorter range, or fewer protocols.',
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
  busy: unavailable('No turn in time', 'Too many queries at the moment; try again later, or send a smaller query.'),
  not_heard_of: unavailable(
    'Position at_least not reached yet',
    'This process has not reached the position at_least yet; try again.',
  ),
};
