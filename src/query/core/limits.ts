/** Limits of one query. Beyond a limit the status is 422; the message names the limit and a remedy. */
export const QUERY_LIMITS = {
  /** Levels of nested `and`, `or` and `not`. */
  depth: 5,
  /** Conditions in `filters`, `where` and `having` together. */
  conditions: 100,
  /** Values of one list. */
  listValues: 500,
  aggregations: 12,
  groupFields: 4,
  sortKeys: 4,
  /** Groups (per time bucket) of one query over all its pages. */
  groups: 10_000,
  /** Rows of one page. */
  pageRows: 1_000,
  /**
   * Size of a page's rows as JSON after which the page ends early, bytes; bounds the memory of a caller with sixteen
   * parallel queries.
   */
  pageBytes: 2_000_000,
  /** Buckets of a query with `fill`. */
  filledBuckets: 10_000,
  /** Time limit of one query, including its wait for a connection. */
  seconds: 30,
} as const;

/** Maximum characters of a text value; every key in the tables is shorter. */
export const MAX_TEXT_LENGTH = 256;
/** Default number of rows of a page. */
export const DEFAULT_LIMIT = 100;
