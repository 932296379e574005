/** Datasets of queries. `points` is a known name and refused with an alternative until it holds data. */
export const DATASETS = ['tvl', 'prices', 'protocols', 'events'] as const;
export type DatasetName = (typeof DATASETS)[number];

export const OPERATORS = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'nin', 'like', 'between', 'is_null'] as const;
export type Operator = (typeof OPERATORS)[number];

export const OPERATIONS = ['sum', 'avg', 'min', 'max', 'count', 'count_distinct', 'percentile'] as const;
export type Operation = (typeof OPERATIONS)[number];

/** Aggregates of one series over time, inside a bucket. */
export const OVER_TIME = ['last', 'avg', 'min', 'max'] as const;
export type OverTime = (typeof OVER_TIME)[number];

export const BUCKETS = ['5m', '15m', '1h', '4h', '1d', '1w', '1mo'] as const;
export type Bucket = (typeof BUCKETS)[number];

/** Contents of buckets without a value: no row, a row with null, or each series' last value carried on. */
export const FILLS = ['none', 'null', 'previous'] as const;
export type Fill = (typeof FILLS)[number];

export type Order = 'asc' | 'desc';
export type Value = string | number;

/**
 * Comparison of one field. `values` holds one value, for `between` two, for `in` and `nin` any number; for `is_null` none, and
 * `negated` then selects present values. A missing value fails every other comparison.
 */
export interface Comparison {
  readonly kind: 'compare';
  readonly field: string;
  readonly operator: Operator;
  readonly values: readonly Value[];
  readonly negated?: boolean;
}

/** Condition of a query. `not` inverts the outcome: a row that fails because a value is missing passes under `not`. */
export type Condition =
  | Comparison
  | { readonly kind: 'and' | 'or'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition };

/** Moment as the client wrote it: relative ones are resolved when the query runs, not when it is parsed. */
export type TimeText = string;

export interface TimeRange {
  /** Start, included. */
  readonly from: TimeText;
  /** End, excluded. */
  readonly to: TimeText;
  /** Bucket; without one the whole range is one bucket for aggregates, and rows are single values. */
  readonly bucket?: Bucket;
  readonly fill: Fill;
}

export interface Aggregation {
  readonly operation: Operation;
  /** Field to aggregate; absent only for `count`, which then counts rows. */
  readonly field?: string;
  /** Share of `percentile`, 0 to 1. */
  readonly p?: number;
  readonly overTime: OverTime;
  /** Column of the answer. */
  readonly as: string;
}

export interface SortKey {
  /** Field, group field, name of an aggregate, or `time`. */
  readonly field: string;
  readonly order: Order;
}

/** Query, checked and complete; both forms of a request are parsed to it. */
export interface Query {
  readonly dataset: DatasetName;
  /** Conditions of `filters` and `where` together. */
  readonly where?: Condition;
  readonly time?: TimeRange;
  /** Aggregates; empty: rows instead of groups. */
  readonly aggregations: readonly Aggregation[];
  readonly groupBy: readonly string[];
  /** Condition over aggregate names and group fields. */
  readonly having?: Condition;
  /** Complete order: the default if the client gave none. */
  readonly sort: readonly SortKey[];
  readonly limit: number;
  /** Value of `page.next_cursor` of the page before. */
  readonly cursor?: string;
  /** Position of the event log that the answer must not be older than. */
  readonly atLeast?: string;
  /** Whether the answer is the plan and its cost instead of data. */
  readonly explain: boolean;
}

/** Returns every comparison of a condition, in order. */
export function comparisons(condition: Condition | undefined): Comparison[] {
  if (condition === undefined) return [];
  if (condition.kind === 'compare') return [condition];
  if (condition.kind === 'not') return comparisons(condition.of);
  return condition.of.flatMap(comparisons);
}

/** Returns the parts that must all hold. */
export function conjuncts(condition: Condition | undefined): Condition[] {
  if (condition === undefined) return [];
  return condition.kind === 'and' ? condition.of.flatMap(conjuncts) : [condition];
}

export function allOf(conditions: readonly Condition[]): Condition | undefined {
  return conditions.length > 1 ? { kind: 'and', of: conditions } : conditions[0];
}
