import { ChangesAnswer } from '../list.dto.js';
import { IsPlainText } from '../../../platform/http/fields.js';
import { IsName } from '../query-values.js';

export class TokensParams {
  /**
   * Up to 100 tokens, comma-separated: CoinGecko ids (`bitcoin`, also `coingecko:bitcoin`) or `chain:address`.
   * @example bitcoin,ethereum:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48
   */
  @IsPlainText(8_192)
  tokens!: string;
}

export class TokenParams {
  /**
   * A CoinGecko id or `chain:address`.
   * @example bitcoin
   */
  @IsName('token')
  token!: string;
}

export class PriceAnswer extends ChangesAnswer {
  /** @example bitcoin */
  token!: string;

  /** @example BTC */
  symbol!: string | null;

  /** @example ethereum */
  chain!: string | null;

  /**
   * US dollars.
   * @example 64250.5
   */
  price!: number;

  /** US dollars. */
  volume24h!: number | null;

  /** US dollars. */
  marketCap!: number | null;

  /** @example coingecko */
  source!: string;

  /** Effective confidence, 0 to 1. */
  confidence!: number;

  tags!: string[];

  /** ISO 8601 UTC. */
  observedAt!: string;

  /** Log position at which the value was current. */
  cursor!: string;
}

/** Columns of a list of prices as CSV. */
export const PRICE_COLUMNS = [
  'token',
  'symbol',
  'chain',
  'price',
  'volume24h',
  'marketCap',
  'source',
  'confidence',
  'tags',
  'observedAt',
  'cursor',
  'change1h',
  'change24h',
  'change7d',
] as const satisfies readonly (keyof PriceAnswer)[];

export class PricesAnswer {
  /** Prices in the requested order. */
  data!: PriceAnswer[];

  /** Requested tokens that were never published. */
  missing!: string[];
}
