/** What one query may ask for. Over one of these the answer is 422 with the limit and the way round it. */
export const QUERY_LIMITS = {
  /** Levels of `and`, `or`, `not` inside each other. */
  depth: 5,
  /** Conditions of `filters`, `where` and `having` together. */
  conditions: 100,
  /** Values of one list. */
  listValues: 500,
  aggregations: 12,
  groupFields: 4,
  sortKeys: 4,
  /** Groups, time buckets included, of one answer over all its pages. */
  groups: 10_000,
  /** Rows of one page. */
  pageRows: 1_000,
  /** JSON in a page's rows after which it ends early: what one caller holds in memory, sixteen answers at once. */
  pageBytes: 2_000_000,
  /** Buckets of a range whose gaps are filled. */
  filledBuckets: 10_000,
  /** Whole time of one query, waiting included. */
  seconds: 30,
} as const;

/** Characters of one text value; the longest key the tables take is shorter. */
export const LONGEST_TEXT = 256;
/** Rows of a page when the query does not say. */
export const DEFAULT_LIMIT = 100;
