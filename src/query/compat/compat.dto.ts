import { ApiProperty } from '@nestjs/swagger';
import { Matches, MaxLength } from 'class-validator';

/** Printable, no control characters; what names are made of. */
const PLAIN = /^\P{Cc}+$/u;

export class LlamaProtocolParams {
  /**
   * A protocol's slug.
   * @example uniswap-v3
   */
  @Matches(PLAIN)
  @MaxLength(128)
  protocol!: string;
}

export class LlamaChainParams {
  /**
   * A chain, in any spelling: `Ethereum`, `BSC`, `bsc`, `OP Mainnet`.
   * @example Ethereum
   */
  @Matches(PLAIN)
  @MaxLength(64)
  chain!: string;
}

export class LlamaCoinsParams {
  /**
   * Coins, separated by commas: `coingecko:<id>` or `<chain>:<address>`. Unknown ones are left out of the answer.
   * @example coingecko:bitcoin,ethereum:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2
   */
  @Matches(PLAIN)
  @MaxLength(8_000)
  coins!: string;
}

/** `/protocols` and `/protocol/{slug}` without its history. Changes are in percent, money in US dollars. */
export class LlamaProtocol {
  /** DefiLlama's own number where the protocol's metadata has it, else the slug. */
  id!: string;
  /** @example Uniswap V3 */
  name!: string;
  address!: string | null;
  /** `-` without a token. */
  symbol!: string;
  url!: string | null;
  description!: string | null;
  /** The only chain, or `Multi-Chain`. */
  chain!: string | null;
  logo!: string | null;
  gecko_id!: string | null;
  cmcId!: string | null;
  /** @example Dexs */
  category!: string | null;
  /** @example ["Ethereum", "Binance"] */
  chains!: string[];
  twitter!: string | null;
  /** @example uniswap-v3 */
  slug!: string;
  /** Over real chains; null when nothing is known. */
  tvl!: number | null;
  /** Pseudo chains such as `staking` included. */
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

export class LlamaProtocolHistory {
  id!: string;
  name!: string;
  symbol!: string;
  url!: string | null;
  description!: string | null;
  category!: string | null;
  chains!: string[];
  slug!: string;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'number' } })
  currentChainTvls!: Record<string, number>;
  @ApiProperty({ type: 'object', additionalProperties: { $ref: '#/components/schemas/LlamaChainHistory' } })
  chainTvls!: Record<string, LlamaChainHistory>;
  /** Over real chains. */
  tvl!: LlamaPoint[];
  mcap!: number | null;
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
  price!: number;
  symbol!: string;
  /** Unix seconds at which the price was observed. */
  timestamp!: number;
  /** 0 to 1, as told when the price was published. */
  confidence!: number;
}

export class LlamaCoins {
  /** By the coin's name exactly as it was asked for. */
  @ApiProperty({ type: 'object', additionalProperties: { $ref: '#/components/schemas/LlamaCoin' } })
  coins!: Record<string, LlamaCoin>;
}
