import { ApiProperty, OmitType } from '@nestjs/swagger';
import { IsOptional, Matches } from 'class-validator';
import { IsPlainText } from '../../platform/http/fields.js';
import { PLAIN_TEXT } from '../../platform/input/text.js';

/** Pattern of a positive number of seconds, or of weeks, days, hours or minutes with a unit. */
export const SEARCH_WIDTH = /^(?=.*[1-9])(\d{1,10}(?:\.\d{1,6})?)([wdhm]?)$/i;

export class LlamaProtocolParams {
  /**
   * Slug of a protocol in any case, or the name from which the slug is derived: `Uniswap V3`.
   * @example uniswap-v3
   */
  @IsPlainText(128)
  protocol!: string;
}

export class LlamaChainParams {
  /**
   * Chain in any spelling: `Ethereum`, `BSC`, `bsc`, `OP Mainnet`.
   * @example Ethereum
   */
  @IsPlainText(64)
  chain!: string;
}

export class LlamaCoinsParams {
  /**
   * Coins, comma-separated: `coingecko:<id>` or `<chain>:<address>`. Unknown coins are omitted from the answer.
   * @example coingecko:bitcoin,ethereum:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2
   */
  @Matches(PLAIN_TEXT, { message: '$property must not contain control characters' })
  coins!: string;
}

export class LlamaCoinsQuery {
  /**
   * Maximum age of a price: seconds, or a number with `w`, `d`, `h` or `m` in any case; default 12 h. Coins with an older
   * price are omitted.
   * @example 4h
   */
  @IsOptional()
  @Matches(SEARCH_WIDTH, { message: 'searchWidth must be seconds, or a number with w, d, h or m: 600, 4h, 1W' })
  searchWidth?: string;
}

/**
 * Entry of `/protocols`; also the part of `/protocol/{slug}` without histories. Changes are in percent, money in US dollars.
 */
export class LlamaProtocol {
  /** DefiLlama's number, if the protocol's metadata contains it; the slug if not. */
  id!: string;
  /** @example Uniswap V3 */
  name!: string;
  address!: string | null;
  /** Symbol; `-` if the protocol has no token. */
  symbol!: string;
  /** URL of the website; empty if unknown, like `logo`, `category`, `module` and `methodology`. */
  url!: string;
  description!: string | null;
  /** Name of the chain; `Multi-Chain` if there are several. */
  chain!: string | null;
  logo!: string;
  /**
   * State of audits: `0` none, `1` partly audited, `2` audited, `3` fork of an audited protocol.
   * @example 2
   */
  audits!: string;
  audit_note!: string | null;
  audit_links!: string[];
  gecko_id!: string | null;
  cmcId!: string | null;
  /** @example Dexs */
  category!: string;
  /** @example ["Ethereum", "Binance"] */
  chains!: string[];
  module!: string;
  twitter!: string | null;
  /** Names of the protocols of which this one is a fork. */
  forkedFrom!: string[];
  /** @example ["Chainlink"] */
  oracles!: string[];
  /** Unix seconds. */
  listedAt!: number | null;
  methodology!: string;
  parentProtocol!: string | null;
  /** @example uniswap-v3 */
  slug!: string;
  /** Total over real chains; null if no value is known. */
  tvl!: number | null;
  /** TVL by chain, including pseudo chains such as `staking`. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'number' }, example: { Ethereum: 3_200_000_000 } })
  chainTvls!: Record<string, number>;
  change_1h!: number | null;
  change_1d!: number | null;
  change_7d!: number | null;
  mcap!: number | null;
}

export class LlamaPoint {
  /** Unix seconds: a day's start, the last one now. */
  date!: number;
  totalLiquidityUSD!: number;
}

export class LlamaChainHistory {
  tvl!: LlamaPoint[];
  /** Always empty: holdings by token are not recorded here. */
  tokensInUsd!: LlamaPoint[];
  /** Always empty: holdings by token are not recorded here. */
  tokens!: LlamaPoint[];
}

/** Protocol as in `/protocols`, with histories in place of current values. */
export class LlamaProtocolHistory extends OmitType(LlamaProtocol, [
  'tvl',
  'chainTvls',
  'change_1h',
  'change_1d',
  'change_7d',
] as const) {
  @ApiProperty({ type: 'object', additionalProperties: { type: 'number' } })
  currentChainTvls!: Record<string, number>;
  @ApiProperty({ type: 'object', additionalProperties: { $ref: '#/components/schemas/LlamaChainHistory' } })
  chainTvls!: Record<string, LlamaChainHistory>;
  /** Total over real chains; at times without any, the total that the source gave. */
  tvl!: LlamaPoint[];
  /** Always empty: holdings by token are not recorded here. */
  tokensInUsd!: LlamaPoint[];
  /** Always empty: holdings by token are not recorded here. */
  tokens!: LlamaPoint[];
  /** Always empty: rounds of financing are not recorded here. */
  raises!: object[];
  /** Always empty: past incidents are not recorded here. */
  hallmarks!: object[];
}

export class LlamaChain {
  gecko_id!: string | null;
  tvl!: number;
  tokenSymbol!: string | null;
  cmcId!: string | null;
  /** @example Ethereum */
  name!: string;
  chainId!: number | null;
}

export class LlamaChainPoint {
  /** Unix seconds: a day's start, the last one now. */
  date!: number;
  tvl!: number;
}

export class LlamaCoin {
  /** Decimals of the token's contract. Always null: they are not recorded here. */
  decimals!: number | null;
  price!: number;
  symbol!: string;
  /** Time at which the price was observed, Unix seconds. */
  timestamp!: number;
  /** Effective confidence of the price when it was published, 0 to 1. */
  confidence!: number;
}

export class LlamaCoins {
  /** Prices by coin, with the names exactly as requested. */
  @ApiProperty({ type: 'object', additionalProperties: { $ref: '#/components/schemas/LlamaCoin' } })
  coins!: Record<string, LlamaCoin>;
}
