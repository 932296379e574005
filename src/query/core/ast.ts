/** What a query is about. `points` is known by name and answered with what to do instead until it holds data. */
export const DATASETS = ['tvl', 'prices', 'protocols', 'events'] as const;
export type DatasetName = (typeof DATASETS)[number];

export const OPERATORS = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'nin', 'like', 'between', 'is_null'] as const;
export type Operator = (typeof OPERATORS)[number];

export const OPERATIONS = ['sum', 'avg', 'min', 'max', 'count', 'count_distinct', 'percentile'] as const;
export type Operation = (typeof OPERATIONS)[number];

/** How one series becomes one value inside a bucket. */
export const OVER_TIME = ['last', 'avg', 'min', 'max'] as const;
export type OverTime = (typeof OVER_TIME)[number];

export const BUCKETS = ['5m', '15m', '1h', '4h', '1d', '1w', '1mo'] as const;
export type Bucket = (typeof BUCKETS)[number];

/** What stands in a bucket without a value: nothing, a row with null, or each series' last value carried on. */
export const FILLS = ['none', 'null', 'previous'] as const;
export type Fill = (typeof FILLS)[number];

export type Order = 'asc' | 'desc';
export type Value = string | number;

/**
 * A comparison of one field. `values` holds one value, for `between` two, for `in` and `nin` any number; for `is_null`
 * none, `negated` then asks for values that are there. A missing value fails every other comparison.
 */
export interface Comparison {
  readonly kind: 'compare';
  readonly field: string;
  readonly operator: Operator;
  readonly values: readonly Value[];
  readonly negated?: boolean;
}

/** `not` turns the outcome round: what fails because a value is missing passes under `not`. */
export type Condition =
  | Comparison
  | { readonly kind: 'and' | 'or'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition };

/** A moment as the client wrote it: relative ones are resolved when the query runs, not when it is parsed. */
export type TimeText = string;

export interface TimeRange {
  /** Included. */
  readonly from: TimeText;
  /** Excluded. */
  readonly to: TimeText;
  /** Without one the whole range is one bucket for aggregates, and rows are single values. */
  readonly bucket?: Bucket;
  readonly fill: Fill;
}

export interface Aggregation {
  readonly operation: Operation;
  /** Absent only for `count`: then rows are counted. */
  readonly field?: string;
  /** Share of `percentile`, 0 to 1. */
  readonly p?: number;
  readonly overTime: OverTime;
  /** The column of the answer. */
  readonly as: string;
}

export interface SortKey {
  /** A field, a group field, the name of an aggregate, or `time`. */
  readonly field: string;
  readonly order: Order;
}

/** One query, checked and complete: what both forms of a request become. */
export interface Query {
  readonly dataset: DatasetName;
  /** `filters` and `where` together. */
  readonly where?: Condition;
  readonly time?: TimeRange;
  /** Empty: rows instead of groups. */
  readonly aggregations: readonly Aggregation[];
  readonly groupBy: readonly string[];
  /** Over aggregate names and group fields. */
  readonly having?: Condition;
  /** Complete: the default order stands here when the client gave none. */
  readonly sort: readonly SortKey[];
  readonly limit: number;
  /** `page.next_cursor` of the page before. */
  readonly cursor?: string;
  /** A position of the event log that the answer must not be older than. */
  readonly atLeast?: string;
  /** Answer the plan and its cost instead of data. */
  readonly explain: boolean;
}

/** Every comparison of a condition, in order. */
export function comparisons(condition: Condition | undefined): Comparison[] {
  if (condition === undefined) return [];
  if (condition.kind === 'compare') return [condition];
  if (condition.kind === 'not') return comparisons(condition.of);
  return condition.of.flatMap(comparisons);
}

/** The parts that must all hold. */
export function conjuncts(condition: Condition | undefined): Condition[] {
  if (condition === undefined) return [];
  return condition.kind === 'and' ? condition.of.flatMap(conjuncts) : [condition];
}

export function allOf(conditions: readonly Condition[]): Condition | undefined {
  return conditions.length > 1 ? { kind: 'and', of: conditions } : conditions[0];
}
