import { IsFlag } from '../../../platform/http/fields.js';
import { IsName } from '../query-values.js';
import { ChangesAnswer } from '../list.dto.js';

export class ProtocolParams {
  /**
   * Slug of the protocol.
   * @example uniswap-v3
   */
  @IsName('protocol')
  protocol!: string;
}

export class ProtocolChainParams extends ProtocolParams {
  /**
   * Chain, or an alias such as `binance`.
   * @example ethereum
   */
  @IsName('chain')
  chain!: string;
}

export class ExactQuery {
  /**
   * Whether to read the row instead of the last published value. The row includes changes below the publication threshold;
   * reading it is slower.
   */
  @IsFlag()
  exact: boolean = false;
}

export class ChainTvlAnswer extends ChangesAnswer {
  /** @example uniswap-v3 */
  protocol!: string;

  /** @example ethereum */
  chain!: string;

  /** @example Uniswap V3 */
  name!: string | null;

  /** @example Dexs */
  category!: string | null;

  /**
   * US dollars.
   * @example 2750000000
   */
  tvl!: number;

  /**
   * Whether the value counts towards the protocol's total; values of `staking`, `borrowed` and other pseudo chains do not.
   */
  counted!: boolean;

  /** @example defillama */
  source!: string;

  /**
   * Effective confidence, 0 to 1: the source's confidence, lowered for values that were old at publication and for outliers.
   * @example 0.95
   */
  confidence!: number;

  /** @example ["interpolated"] */
  tags!: string[];

  /**
   * ISO 8601 UTC.
   * @example 2026-11-20T10:00:00.000Z
   */
  observedAt!: string;

  /** Log position at which the value was current; pass it as `since` to receive later events. */
  cursor!: string;
}

export class ProtocolTvlAnswer extends ChangesAnswer {
  /** @example uniswap-v3 */
  protocol!: string;

  /** @example Uniswap V3 */
  name!: string | null;

  /** @example Dexs */
  category!: string | null;

  /** @example UNI */
  symbol!: string | null;

  /**
   * Total over all real chains, US dollars; null if only values that do not count towards the total are known.
   * @example 4900000000
   */
  tvl!: number | null;

  /** Lowest effective confidence among the chains that count towards the total. */
  confidence!: number | null;

  /** Time of the latest observation among the chains that count towards the total. */
  observedAt!: string;

  /** Highest log position among the chains that count towards the total. */
  cursor!: string;

  chains!: ChainTvlAnswer[];
}
