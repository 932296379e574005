import { IsName, IsFlag } from './query-values.js';
import { ChangesAnswer } from './list.dto.js';

export class ProtocolParams {
  /**
   * A protocol's slug.
   * @example uniswap-v3
   */
  @IsName('protocol')
  protocol!: string;
}

export class ProtocolChainParams extends ProtocolParams {
  /**
   * A chain; aliases such as `binance` work.
   * @example ethereum
   */
  @IsName('chain')
  chain!: string;
}

export class ExactQuery {
  /**
   * Whether to read the row instead of the last published value: fresher by less than the publication threshold, and slower.
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

  /** Whether it is part of the protocol's total: `staking`, `borrowed` and the like are not. */
  counted!: boolean;

  /** @example defillama */
  source!: string;

  /**
   * Effective confidence, 0 to 1: the source's own, lowered by the value's age at publication and by outliers.
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

  /** Log position at which the value holds: give it as `since` to follow later events. */
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
   * US dollars over all real chains; null when only parts that do not count are known.
   * @example 4900000000
   */
  tvl!: number | null;

  /** Lowest effective confidence of the counted chains. */
  confidence!: number | null;

  /** Time of the newest observation among the values. */
  observedAt!: string;

  /** Newest of the values' positions. */
  cursor!: string;

  chains!: ChainTvlAnswer[];
}
