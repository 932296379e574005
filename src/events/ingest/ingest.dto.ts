import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

// Bodies for the API document only. Items are validated one by one (item-kinds.ts), not by a pipe: a bad item must not
// affect the others, and 10,000 class instances per request would take longer than the write.

abstract class ObservedItem {
  /**
   * Name of the value's source.
   * @example my-adapter
   */
  @ApiProperty({ default: 'ingest', maxLength: 128, required: false })
  source?: string;

  /** Confidence of the writer in the value. */
  @ApiProperty({ minimum: 0, maximum: 1, default: 1, required: false })
  confidence?: number;

  @ApiProperty({ type: [String], maxItems: 32, required: false })
  tags?: string[];

  /**
   * Time of the observation, ISO 8601 with zone or Unix milliseconds; default: now. An item older than the stored value is
   * rejected as `stale`; one with the same time replaces it.
   */
  @ApiProperty({
    oneOf: [{ type: 'string', format: 'date-time' }, { type: 'integer' }],
    example: '2026-01-02T03:04:05.678Z',
    required: false,
  })
  observedAt?: string | number;
}

class TvlItem extends ObservedItem {
  /** @example uniswap-v3 */
  @ApiProperty({ maxLength: 128 })
  protocol!: string;

  /**
   * Name or alias of the chain: `Binance` is `bsc`. Use `all` for a source that knows only the protocol's total.
   * @example ethereum
   */
  @ApiProperty({ maxLength: 64 })
  chain!: string;

  /**
   * US dollars.
   * @example 2750000000
   */
  @ApiProperty({ minimum: 0 })
  tvl!: number;
}

class PriceItem extends ObservedItem {
  /**
   * CoinGecko id or `chain:address`.
   * @example bitcoin
   */
  @ApiProperty({ maxLength: 128 })
  token!: string;

  /** @example BTC */
  @ApiProperty({ maxLength: 64, required: false })
  symbol?: string;

  @ApiProperty({ maxLength: 64, required: false })
  chain?: string;

  /**
   * US dollars.
   * @example 97000.5
   */
  @ApiProperty({ minimum: 0 })
  price!: number;

  /** US dollars; absent: unchanged. */
  @ApiProperty({ minimum: 0, required: false })
  volume24h?: number;

  /** US dollars; absent: unchanged. */
  @ApiProperty({ minimum: 0, required: false })
  marketCap?: number;
}

class ProtocolItem {
  /** @example uniswap-v3 */
  @ApiProperty({ maxLength: 128 })
  slug!: string;

  /** @example Uniswap V3 */
  @ApiProperty({ maxLength: 256 })
  name!: string;

  @ApiProperty({ maxLength: 64, required: false })
  symbol?: string;

  /** @example Dexs */
  @ApiProperty({ maxLength: 128, required: false })
  category?: string;

  /** Chains of the protocol; the list replaces the stored one. */
  @ApiProperty({ type: [String], maxItems: 1_024, required: false })
  chains?: string[];

  @ApiProperty({ maxLength: 2_048, required: false })
  url?: string;

  /** Further data; the object replaces the stored one. At most 32,768 characters of JSON and 16 levels. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  metadata?: Record<string, unknown>;
}

export class TvlItems {
  @ApiProperty({ type: [TvlItem], maxItems: 10_000 })
  items!: TvlItem[];
}

export class PriceItems {
  @ApiProperty({ type: [PriceItem], maxItems: 10_000 })
  items!: PriceItem[];
}

export class ProtocolItems {
  @ApiProperty({ type: [ProtocolItem], maxItems: 10_000 })
  items!: ProtocolItem[];
}

class RejectedItem {
  /** Index of the item in the request, from 0. */
  @ApiProperty({ type: 'integer' })
  index!: number;

  /**
   * Reason. `superseded`: the request has another item with the same key that is newer, or later in the request and of the
   * same time. `stale`: a newer value is stored. `in_future`: the time is more than 5 min ahead of the server's clock.
   * @example stale
   */
  @ApiProperty({
    enum: [
      'required',
      'invalid_type',
      'invalid_format',
      'out_of_range',
      'too_long',
      'too_deep',
      'unknown_field',
      'superseded',
      'stale',
      'in_future',
    ],
  })
  code!: string;

  @ApiProperty()
  detail!: string;
}

export class IngestAnswer {
  @ApiProperty({ type: 'integer' })
  accepted!: number;

  /** Rejected items in the order of the request; at most the first 10,000. */
  @ApiProperty({ type: [RejectedItem] })
  rejected!: RejectedItem[];

  /** Number of all rejected items, including those that are not listed. */
  @ApiProperty({ type: 'integer' })
  rejectedCount!: number;

  /** Log position at or after everything that this request published; null if the log is more than 10 s behind. */
  @ApiProperty({ type: String, nullable: true })
  cursor!: string | null;
}
