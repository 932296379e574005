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
import { PageInfo } from '../platform/http/paging/page.dto.js';

/** Range including both ends; either end may be omitted. Changes are fractions: 0.1 is 10 %. */
class RangeFilter {
  /** @example 1000000 */
  min?: number;

  /** @example 10000000000 */
  max?: number;
}

/** Flat form of conditions, all of which must hold. Empty lists and ranges do not restrict. */
class QueryFilters {
  /** @example ["uniswap-v3", "aave-v3"] */
  protocols?: string[];

  /** Chains in any common spelling: `Binance` is `bsc`. */
  chains?: string[];

  tokens?: string[];

  categories?: string[];

  /** US dollars. */
  tvl_range?: RangeFilter;

  /** US dollars. */
  price_range?: RangeFilter;

  /** Change over 1 h as a fraction. Rows without a value that old do not match and are counted in `meta.excluded`. */
  change_1h?: RangeFilter;

  change_24h?: RangeFilter;

  change_7d?: RangeFilter;
}

/** Time range of a query: of recorded values (tvl, prices) or of the log (events). */
class QueryTime {
  /**
   * Start, included: ISO 8601 with a zone, a date, or `now-<number><m|h|d|w>`.
   * @example now-24h
   */
  from?: string;

  /** End, excluded; formats as for `from`. */
  to?: string;

  /**
   * Length of the buckets, in UTC; weeks begin on Monday. Without it, aggregates cover the whole range, and rows are single
   * values.
   */
  @ApiProperty({ enum: BUCKETS, required: false })
  bucket?: Bucket;

  /**
   * Content of buckets without a value: no row, null, or the previous value of each series. Sums need `previous`: without
   * it, a series without a value in a bucket is missing from the sum.
   */
  @ApiProperty({ enum: FILLS, required: false, default: 'none' })
  fill?: Fill;
}

class QueryAggregation {
  /** Field to aggregate; optional only for `count`. */
  field?: string;

  @ApiProperty({ enum: OPERATIONS })
  operation!: Operation;

  /**
   * Percentile as a fraction, 0 to 1. The result is the smallest value such that at least this share of the values is at or
   * below it.
   * @example 0.95
   */
  p?: number;

  /** Function that reduces each series inside a bucket, before series are combined; only with `time`. */
  @ApiProperty({ enum: OVER_TIME, required: false, default: 'last' })
  over_time?: OverTime;

  /** Text field to group by, or a list of up to four; it must be the same for all aggregations of a query. */
  @ApiProperty({ oneOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }], required: false })
  group_by?: string | string[];

  /** Name of the column; default: `<operation>_<field>`. */
  as?: string;
}

export class QuerySort {
  /** Name of a field, group field or aggregate, the field of an aggregate, or `time`. */
  field!: string;

  @ApiProperty({ enum: ['asc', 'desc'], required: false, default: 'asc' })
  order?: 'asc' | 'desc';
}

/** Query of the data. Every member is optional. */
export class QueryRequest {
  @ApiProperty({ enum: DATASETS, required: false, default: 'tvl' })
  dataset?: DatasetName;

  filters?: QueryFilters;

  /** Tree of {and: […]}, {or: […]}, {not: …} and {field, op, value}. A missing value fails every op except `is_null`. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  where?: Record<string, unknown>;

  time?: QueryTime;

  @ApiProperty({ type: [QueryAggregation], required: false, maxItems: 12 })
  aggregations?: QueryAggregation[];

  /** Tree like `where`, with names of aggregates and group fields. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  having?: Record<string, unknown>;

  /** Sort key, or a list of up to four. Missing values are last; equal rows are sorted by their keys. */
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

  /** Value of `page.next_cursor` from the previous page; the query must be the same. */
  cursor?: string;

  /**
   * Cursor of the log, such as ingest returns: the answer includes everything up to it. The query waits up to 1 s for it.
   */
  at_least?: string;

  /** Whether the answer contains the plan and its estimated cost instead of data. */
  explain?: boolean;
}

export class QuerySpan {
  from!: string;

  to!: string;
}

class QueryWarning {
  /**
   * Field of the condition.
   * @example protocol
   */
  field!: string;

  /** `unknown_name`, or `not_a_fraction` for a change that looks like a percentage. */
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

class QueryPointsState {
  /**
   * Answers with one cursor agree.
   * @example 1742
   */
  cursor!: string;

  /** Time of the newest projected block; null before the first. */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  at!: string | null;

  /** Newest projected block of each chain. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' }, example: { ethereum: 21_000_000 } })
  chains!: Readonly<Record<string, number>>;
}

export class QueryMeta {
  /** Time at which the data was read. */
  as_of!: string;

  /** @example 12.4 */
  took_ms!: number;

  /** Whether the result was in the cache; `off`: Redis is configured but unavailable. */
  @ApiProperty({ enum: ['hit', 'miss', 'off'] })
  cache!: 'hit' | 'miss' | 'off';

  /**
   * Sources that were read: current, log, daily, hourly, raw.
   * @example daily+raw
   */
  source!: string;

  /** Log position; the answer includes everything up to it. */
  cursor!: string;

  /**
   * Range of the values used; only with `time`. `from` is included, `to` is excluded. If single values are no longer kept,
   * it consists of whole hours.
   */
  range?: QuerySpan;

  /** State to which points refer; only with the dataset `points`. It agrees with `as_of` of `/v1/points/…`. */
  points_as_of?: QueryPointsState;

  /** Parts of the query that are valid but probably mistakes; at most ten. */
  warnings?: QueryWarning[];

  /** Number of rows that failed a range of changes only because they have no value that old. */
  excluded?: number;

  /**
   * Relative error of percentiles over many values; absent if they are exact.
   * @example 0.01
   */
  relative_error?: number;
}

export class QueryPlan {
  source!: string;

  /** Time range after relative times were resolved. */
  range?: QuerySpan;

  /** Range read from daily rows. */
  daily?: QuerySpan;

  /** Range read from hourly rows, except for `daily`. */
  hourly?: QuerySpan;

  @ApiProperty({ enum: ['exact', 'binned'] })
  percentiles!: 'exact' | 'binned';

  estimated_rows!: number;

  /** Class of the query's cost; heavy queries run on at most half of the connections. */
  @ApiProperty({ enum: ['light', 'heavy'] })
  class!: 'light' | 'heavy';
}

export class QueryAnswer {
  /** Rows or groups; their columns depend on the query. */
  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } })
  data!: readonly Readonly<Record<string, unknown>>[];

  page!: PageInfo;

  meta!: QueryMeta;

  /** Plan; only with `explain: true`, and `data` is then empty. */
  explain?: QueryPlan;
}
