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

/** Both ends are included; either may be left out. Changes are fractions: 0.1 is 10 %. */
export class RangeFilter {
  /** @example 1000000 */
  min?: number;

  /** @example 10000000000 */
  max?: number;
}

/** The flat form: all of them must hold. Empty lists and ranges restrict nothing. */
export class QueryFilters {
  /** @example ["uniswap-v3", "aave-v3"] */
  protocols?: string[];

  /** Any spelling in use; Binance is bsc. */
  chains?: string[];

  tokens?: string[];

  categories?: string[];

  /** US dollars. */
  tvl_range?: RangeFilter;

  /** US dollars. */
  price_range?: RangeFilter;

  /** A fraction. Rows without an hour of history fail it and are counted in meta.excluded. */
  change_1h?: RangeFilter;

  change_24h?: RangeFilter;

  change_7d?: RangeFilter;
}

/** What a query looks at in time: recorded levels (tvl, prices) or the log (events). */
export class QueryTime {
  /**
   * Included; ISO 8601 with a zone, a date, or now-<number><m|h|d|w>.
   * @example now-24h
   */
  from?: string;

  /** Excluded. */
  to?: string;

  /** In UTC; weeks begin on Monday. Without one the range is one bucket for aggregates, and rows are single values. */
  @ApiProperty({ enum: BUCKETS, required: false })
  bucket?: Bucket;

  /**
   * For buckets without a value: nothing, null, or the last value of each series carried on. Sums want `previous`: without
   * it a series that has no value in a bucket is missing from its sum.
   */
  @ApiProperty({ enum: FILLS, required: false, default: 'none' })
  fill?: Fill;
}

export class QueryAggregation {
  /** What to aggregate; only count can do without. */
  field?: string;

  @ApiProperty({ enum: OPERATIONS })
  operation!: Operation;

  /**
   * Share of a percentile, 0 to 1; the smallest value that so many are at or below.
   * @example 0.95
   */
  p?: number;

  /** With time: how each series becomes one value per bucket, before series are put together. */
  @ApiProperty({ enum: OVER_TIME, required: false, default: 'last' })
  over_time?: OverTime;

  /** A text field, or up to four; the same for all aggregations of a query. */
  @ApiProperty({ oneOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }], required: false })
  group_by?: string | string[];

  /** The column's name; default operation_field. */
  as?: string;
}

export class QuerySort {
  /** A field, a group field, the name of an aggregate, time, or the field of an aggregate. */
  field!: string;

  @ApiProperty({ enum: ['asc', 'desc'], required: false, default: 'asc' })
  order?: 'asc' | 'desc';
}

/** A question about the data. Every member may be left out. */
export class QueryRequest {
  @ApiProperty({ enum: DATASETS, required: false, default: 'tvl' })
  dataset?: DatasetName;

  filters?: QueryFilters;

  /** A tree of {and: […]}, {or: […]}, {not: …} and {field, op, value}. A missing value fails every op but is_null. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  where?: Record<string, unknown>;

  time?: QueryTime;

  @ApiProperty({ type: [QueryAggregation], required: false, maxItems: 12 })
  aggregations?: QueryAggregation[];

  /** A tree like where, over names of aggregates and group fields. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  having?: Record<string, unknown>;

  /** One order, or up to four. Missing values come last; ties are broken by the rows' keys. */
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

  /** page.next_cursor of the page before, with the same query. */
  cursor?: string;

  /** A cursor of the log, as ingest answers it: the answer knows everything up to it. Waits up to 1 s. */
  at_least?: string;

  /** Answer the plan and its estimated cost instead of data. */
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
   * The field that the condition is about.
   * @example protocol
   */
  field!: string;

  /** A name that nothing is known of, or a change that looks like percent. */
  @ApiProperty({ enum: ['unknown_name', 'not_a_fraction'] })
  code!: 'unknown_name' | 'not_a_fraction';

  /** @example There is no protocol 'uniswap-v33' at present. Did you mean uniswap-v3? */
  detail!: string;

  /**
   * The name that is perhaps meant.
   * @example uniswap-v3
   */
  meant?: string;
}

export class QueryMeta {
  /** When the data was read. */
  as_of!: string;

  /** @example 12.4 */
  took_ms!: number;

  /** off: Redis is configured and away. */
  @ApiProperty({ enum: ['hit', 'miss', 'off'] })
  cache!: 'hit' | 'miss' | 'off';

  /**
   * What was read: current rows, log, daily, hourly, raw.
   * @example daily+raw
   */
  source!: string;

  /** A position of the log that the answer is not older than. */
  cursor!: string;

  /**
   * With time: values from `from` on and before `to` were used, no others. Where single values are no longer kept, whole hours
   * only.
   */
  range?: QuerySpan;

  /** What is possible and probably not meant; at most ten. */
  warnings?: QueryWarning[];

  /** Rows that only failed a range of changes because they have no value that old. */
  excluded?: number;

  /**
   * Of percentiles over many values; absent when they are exact.
   * @example 0.01
   */
  relative_error?: number;
}

export class QueryPlan {
  source!: string;

  /** Resolved. */
  range?: QuerySpan;

  /** Read from daily rows. */
  daily?: QuerySpan;

  /** Read from hourly rows, but for what daily rows cover. */
  hourly?: QuerySpan;

  @ApiProperty({ enum: ['exact', 'binned'] })
  percentiles!: 'exact' | 'binned';

  estimated_rows!: number;

  /** Heavy queries run on half of the connections at most. */
  @ApiProperty({ enum: ['light', 'heavy'] })
  class!: 'light' | 'heavy';
}

export class QueryAnswer {
  /** Rows or groups; their columns depend on the query. */
  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } })
  data!: readonly Readonly<Record<string, unknown>>[];

  page!: QueryPage;

  meta!: QueryMeta;

  /** Only with explain: true; data is then empty. */
  explain?: QueryPlan;
}
