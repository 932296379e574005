import { ApiProperty, OmitType } from '@nestjs/swagger';
import { IsOptional, Matches, MaxLength } from 'class-validator';

/** Number of seconds, or of weeks, days, hours or minutes; greater than 0. */
export const SEARCH_WIDTH = /^(?=.*[1-9])(\d{1,10}(?:\.\d{1,6})?)([wdhm]?)$/i;

/** Pattern of printable text, as names are. */
const PLAIN = /^\P{Cc}+$/u;

export class LlamaProtocolParams {
  /**
   * Slug of a protocol, in any case, or its name as the slug is made from it: `Uniswap V3`.
   * @example uniswap-v3
   */
  @Matches(PLAIN, { message: '$property must not have control characters' })
  @MaxLength(128)
  protocol!: string;
}

export class LlamaChainParams {
  /**
   * Chain in any spelling: `Ethereum`, `BSC`, `bsc`, `OP Mainnet`.
   * @example Ethereum
   */
  @Matches(PLAIN, { message: '$property must not have control characters' })
  @MaxLength(64)
  chain!: string;
}

export class LlamaCoinsParams {
  /**
   * Coins, separated by commas: `coingecko:<id>` or `<chain>:<address>`. Unknown ones are left out of the answer.
   * @example coingecko:bitcoin,ethereum:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2
   */
  @Matches(PLAIN, { message: '$property must not have control characters' })
  coins!: string;
}

export class LlamaCoinsQuery {
  /**
   * Maximum age of a price, 12 h by default: seconds, or a number with `w`, `d`, `h` or `m` in any case. A coin whose price is
   * older is left out.
   * @example 4h
   */
  @IsOptional()
  @Matches(SEARCH_WIDTH, { message: 'searchWidth must be seconds, or a number with w, d, h or m: 600, 4h, 1W' })
  searchWidth?: string;
}

/** Entry of `/protocols`, and `/protocol/{slug}` without its history. Changes are in percent, money in US dollars. */
export class LlamaProtocol {
  /** Number of DefiLlama if the protocol's metadata has it, else the slug. */
  id!: string;
  /** @example Uniswap V3 */
  name!: string;
  address!: string | null;
  /** Symbol; `-` without a token. */
  symbol!: string;
  /** Address; empty where none is known; `logo`, `category`, `module` and `methodology` likewise. */
  url!: string;
  description!: string | null;
  /** Only chain, or `Multi-Chain`. */
  chain!: string | null;
  logo!: string;
  /**
   * State of audits, as a digit: `0` none, `1` partly, `2` audited, `3` a fork of something audited.
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
  /** Names of protocols. */
  forkedFrom!: string[];
  /** @example ["Chainlink"] */
  oracles!: string[];
  /** Unix seconds. */
  listedAt!: number | null;
  methodology!: string;
  parentProtocol!: string | null;
  /** @example uniswap-v3 */
  slug!: string;
  /** Total over real chains; null when nothing is known. */
  tvl!: number | null;
  /** TVL by chain, pseudo chains such as `staking` included. */
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

/** Protocol as in `/protocols`, with histories in place of its present numbers. */
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
  /** Total over real chains, or the source's own total where and when it had no chain. */
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
  /** Decimals of the token's contract; null where no writer gave them, and for CoinGecko ids. */
  decimals!: number | null;
  price!: number;
  symbol!: string;
  /** Time of the price's observation, Unix seconds. */
  timestamp!: number;
  /** Confidence, 0 to 1, at the price's publication. */
  confidence!: number;
}

export class LlamaCoins {
  /** Prices by the coin's name exactly as requested. */
  @ApiProperty({ type: 'object', additionalProperties: { $ref: '#/components/schemas/LlamaCoin' } })
  coins!: Record<string, LlamaCoin>;
}
