export const DATASETS = ['tvl', 'prices', 'protocols', 'events', 'points', 'onchain'] as const;
export type DatasetName = (typeof DATASETS)[number];

export const OPERATORS = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'nin', 'like', 'between', 'is_null'] as const;
export type Operator = (typeof OPERATORS)[number];

export const OPERATIONS = ['sum', 'avg', 'min', 'max', 'count', 'count_distinct', 'percentile'] as const;
export type Operation = (typeof OPERATIONS)[number];

/** Functions that reduce one series over time inside a bucket. */
export const OVER_TIME = ['last', 'avg', 'min', 'max'] as const;
export type OverTime = (typeof OVER_TIME)[number];

export const BUCKETS = ['5m', '15m', '1h', '4h', '1d', '1w', '1mo'] as const;
export type Bucket = (typeof BUCKETS)[number];

/** Content of buckets without a value: no row, a row with null, or the last value of each series before the bucket. */
export const FILLS = ['none', 'null', 'previous'] as const;
export type Fill = (typeof FILLS)[number];

export type Order = 'asc' | 'desc';
export type Value = string | number;

/**
 * Comparison of one field. `values` contains one value; two for `between`; any number for `in` and `nin`; none for
 * `is_null`, for which `negated` selects values that are present. A missing value fails every other comparison.
 */
export interface Comparison {
  readonly kind: 'compare';
  readonly field: string;
  readonly operator: Operator;
  readonly values: readonly Value[];
  readonly negated?: boolean;
}

/**
 * Condition of a query. `not` inverts the result, so a row that fails a comparison because a value is missing passes under
 * `not`.
 */
export type Condition =
  | Comparison
  | { readonly kind: 'and' | 'or'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition };

/** Time as the client wrote it. Relative times are resolved each time the query runs, not when it is parsed. */
type TimeText = string;

export interface TimeRange {
  /** Start of the range, included. */
  readonly from: TimeText;
  /** End of the range, excluded. */
  readonly to: TimeText;
  /** Length of the buckets. Without it, aggregates cover the whole range as one bucket, and rows are single values. */
  readonly bucket?: Bucket;
  readonly fill: Fill;
}

export interface Aggregation {
  readonly operation: Operation;
  /** Field to aggregate; absent only for a `count` of rows. */
  readonly field?: string;
  /** Percentile as a fraction, 0 to 1. */
  readonly p?: number;
  readonly overTime: OverTime;
  /** Name of the column in the answer. */
  readonly as: string;
}

export interface SortKey {
  /** Name of a field, a group field or an aggregate, or `time`. */
  readonly field: string;
  readonly order: Order;
}

/** Validated query with all defaults; both forms of a request are parsed to it. */
export interface Query {
  readonly dataset: DatasetName;
  /** Conditions of `filters` and `where`, joined by `and`. */
  readonly where?: Condition;
  readonly time?: TimeRange;
  /** Aggregates; if there are none, the answer contains rows instead of groups. */
  readonly aggregations: readonly Aggregation[];
  readonly groupBy: readonly string[];
  /** Condition on aggregates and group fields. */
  readonly having?: Condition;
  /** Sort order; the default order if the client gave none. */
  readonly sort: readonly SortKey[];
  readonly limit: number;
  /** Value of `page.next_cursor` from the previous page. */
  readonly cursor?: string;
  /** Log position that the answer must include. */
  readonly atLeast?: string;
  /** Whether the answer contains the plan and its cost instead of data. */
  readonly explain: boolean;
}

/** Returns all comparisons of a condition, in order. */
export function comparisons(condition: Condition | undefined): Comparison[] {
  if (condition === undefined) return [];
  if (condition.kind === 'compare') return [condition];
  if (condition.kind === 'not') return comparisons(condition.of);
  return condition.of.flatMap(comparisons);
}

/** Returns the parts of a condition that must all hold. */
export function conjuncts(condition: Condition | undefined): Condition[] {
  if (condition === undefined) return [];
  return condition.kind === 'and' ? condition.of.flatMap(conjuncts) : [condition];
}

export function allOf(conditions: readonly Condition[]): Condition | undefined {
  return conditions.length > 1 ? { kind: 'and', of: conditions } : conditions[0];
}
