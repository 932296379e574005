import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  BUCKETS,
  DATASETS,
  FILLS,
  OPERATIONS,
  OVER_TIME,
  type Bucket,
  type DatasetName,
  type Fill,
  type Operation,
  type OverTime,
} from './core/ast.js';

/** Range with both ends included; either may be left out. Changes are fractions: 0.1 is 10 %. */
export class RangeFilter {
  /** @example 1000000 */
  min?: number;

  /** @example 10000000000 */
  max?: number;
}

/** Flat form of conditions: all of them must hold. Empty lists and ranges restrict nothing. */
export class QueryFilters {
  /** @example ["uniswap-v3", "aave-v3"] */
  protocols?: string[];

  /** Chains in any spelling in use; Binance is bsc. */
  chains?: string[];

  tokens?: string[];

  categories?: string[];

  /** US dollars. */
  tvl_range?: RangeFilter;

  /** US dollars. */
  price_range?: RangeFilter;

  /** Change as a fraction. Rows without an hour of history fail it and are counted in meta.excluded. */
  change_1h?: RangeFilter;

  change_24h?: RangeFilter;

  change_7d?: RangeFilter;
}

/** Time range of a query: recorded levels (tvl, prices) or the log (events). */
export class QueryTime {
  /**
   * Start, included; ISO 8601 with a zone, a date, or now-<number><m|h|d|w>.
   * @example now-24h
   */
  from?: string;

  /** End, excluded. */
  to?: string;

  /** Bucket in UTC; weeks begin on Monday. Without one the range is one bucket for aggregates, and rows are single values. */
  @ApiProperty({ enum: BUCKETS, required: false })
  bucket?: Bucket;

  /**
   * Contents of buckets without a value: nothing, null, or the last value of each series carried on. Sums need `previous`:
   * without it a series that has no value in a bucket is missing from its sum.
   */
  @ApiProperty({ enum: FILLS, required: false, default: 'none' })
  fill?: Fill;
}

export class QueryAggregation {
  /** Field to aggregate; optional only for count. */
  field?: string;

  @ApiProperty({ enum: OPERATIONS })
  operation!: Operation;

  /**
   * Share of a percentile, 0 to 1; the result is the smallest value that this share is at or below.
   * @example 0.95
   */
  p?: number;

  /** Aggregate of each series per bucket, before series are combined; with time. */
  @ApiProperty({ enum: OVER_TIME, required: false, default: 'last' })
  over_time?: OverTime;

  /** Text field, or up to four; the same for all aggregations of a query. */
  @ApiProperty({ oneOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }], required: false })
  group_by?: string | string[];

  /** Name of the column; default operation_field. */
  as?: string;
}

export class QuerySort {
  /** Field, group field, name of an aggregate, time, or the field of an aggregate. */
  field!: string;

  @ApiProperty({ enum: ['asc', 'desc'], required: false, default: 'asc' })
  order?: 'asc' | 'desc';
}

/** Query of the data. Every member may be left out. */
export class QueryRequest {
  @ApiProperty({ enum: DATASETS, required: false, default: 'tvl' })
  dataset?: DatasetName;

  filters?: QueryFilters;

  /** Tree of {and: […]}, {or: […]}, {not: …} and {field, op, value}. A missing value fails every op but is_null. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  where?: Record<string, unknown>;

  time?: QueryTime;

  @ApiProperty({ type: [QueryAggregation], required: false, maxItems: 12 })
  aggregations?: QueryAggregation[];

  /** Tree like where, over names of aggregates and group fields. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  having?: Record<string, unknown>;

  /** Order, or up to four. Missing values come last; ties are broken by the rows' keys. */
  @ApiProperty({
    oneOf: [
      { $ref: '#/components/schemas/QuerySort' },
      { type: 'array', items: { $ref: '#/components/schemas/QuerySort' }, maxItems: 4 },
    ],
    required: false,
  })
  sort?: QuerySort | QuerySort[];

  @ApiProperty({ minimum: 1, maximum: 1_000, default: 100, required: false })
  limit?: number;

  /** Value of page.next_cursor of the page before, with the same query. */
  cursor?: string;

  /** Cursor of the log, as ingest returns it: the answer includes everything up to it. Waits up to 1 s. */
  at_least?: string;

  /** Whether the answer is the plan and its estimated cost instead of data. */
  explain?: boolean;
}

export class QueryPage {
  next_cursor!: string | null;

  has_more!: boolean;
}

export class QuerySpan {
  from!: string;

  to!: string;
}

export class QueryWarning {
  /**
   * Field of the condition.
   * @example protocol
   */
  field!: string;

  /** Unknown name, or a change that looks like percent. */
  @ApiProperty({ enum: ['unknown_name', 'not_a_fraction'] })
  code!: 'unknown_name' | 'not_a_fraction';

  /** @example Unknown protocol 'uniswap-v33'. Did you mean uniswap-v3? */
  detail!: string;

  /**
   * Name that was probably meant.
   * @example uniswap-v3
   */
  meant?: string;
}

export class QueryMeta {
  /** Time at which the data was read. */
  as_of!: string;

  /** @example 12.4 */
  took_ms!: number;

  /** State of the cache; off: Redis is configured and unavailable. */
  @ApiProperty({ enum: ['hit', 'miss', 'off'] })
  cache!: 'hit' | 'miss' | 'off';

  /**
   * Sources that were read: current rows, log, daily, hourly, raw.
   * @example daily+raw
   */
  source!: string;

  /** Position of the log that the answer is not older than. */
  cursor!: string;

  /**
   * Range, with time: values from `from` on and before `to` were used, no others. Where single values are no longer kept, whole
   * hours only.
   */
  range?: QuerySpan;

  /** Possible but probably mistaken parts of the query; at most ten. */
  warnings?: QueryWarning[];

  /** Number of rows that only failed a range of changes because they have no value that old. */
  excluded?: number;

  /**
   * Relative error of percentiles over many values; absent when they are exact.
   * @example 0.01
   */
  relative_error?: number;
}

export class QueryPlan {
  source!: string;

  /** Resolved range. */
  range?: QuerySpan;

  /** Range read from daily rows. */
  daily?: QuerySpan;

  /** Range read from hourly rows, except for that of daily rows. */
  hourly?: QuerySpan;

  @ApiProperty({ enum: ['exact', 'binned'] })
  percentiles!: 'exact' | 'binned';

  estimated_rows!: number;

  /** Class of its cost; heavy queries run on half of the connections at most. */
  @ApiProperty({ enum: ['light', 'heavy'] })
  class!: 'light' | 'heavy';
}

export class QueryAnswer {
  /** Rows or groups; their columns depend on the query. */
  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } })
  data!: readonly Readonly<Record<string, unknown>>[];

  page!: QueryPage;

  meta!: QueryMeta;

  /** Plan; only with explain: true, and data is then empty. */
  explain?: QueryPlan;
}
