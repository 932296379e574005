/** Limits of one query. Above one of these the answer is 422 with the limit and the way to stay below it. */
export const QUERY_LIMITS = {
  /** Levels of nested `and`, `or`, `not`. */
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
  /** JSON of a page's rows after which it ends early, bytes: the memory of one caller, for sixteen answers at once. */
  pageBytes: 2_000_000,
  /** Buckets of a range whose gaps are filled. */
  filledBuckets: 10_000,
  /** Time limit of one query, waiting included. */
  seconds: 30,
} as const;

/** Maximum characters of one text value; the longest key of the tables is shorter. */
export const MAX_TEXT_LENGTH = 256;
/** Default number of rows of a page. */
export const DEFAULT_LIMIT = 100;
