import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import type { Metric } from '../../hot-cache/published-value.js';
import { ChangesAnswer } from '../list.dto.js';
import { PriceAnswer } from '../values/prices.dto.js';
import { SubjectsQuery, WINDOWS, type Window } from '../values/subjects-query.dto.js';
import { IsAmount, IsDigits, IsPlainText } from '../../../platform/http/fields.js';
import { PageInfo } from '../../../platform/http/paging/page.dto.js';
import { MAX_CURSOR_LENGTH } from '../../../platform/http/paging/list-cursor.js';

export class ChainAnswer {
  /** @example ethereum */
  chain!: string;

  /** Sum of the published values of all protocols on the chain, US dollars. */
  tvl!: number;

  /**
   * `tvl` without double-counted protocols and the categories that DefiLlama omits from its chains (Bridge, CEX, Liquid
   * Staking, RWA and others), US dollars; equals `/v2/chains`.
   */
  netTvl!: number;

  /**
   * Number of protocols with a value on the chain.
   * @example 1061
   */
  protocols!: number;
}

export class ChainsAnswer {
  data!: ChainAnswer[];

  page!: PageInfo;
}

const TOKEN_SORTS = ['market_cap', 'volume', 'price', 'change', 'token'] as const;
type TokenSort = (typeof TOKEN_SORTS)[number];

export class TokensQuery extends SubjectsQuery {
  /**
   * Text that the token or its symbol contains, ignoring case.
   * @example btc
   */
  @IsOptional()
  @IsPlainText(100)
  q?: string;

  @IsOptional()
  @ApiProperty({ enum: TOKEN_SORTS, default: 'market_cap', required: false })
  @IsIn(TOKEN_SORTS)
  sort?: TokenSort;
}

export class TokensAnswer {
  data!: PriceAnswer[];

  page!: PageInfo;
}

const METRICS: readonly Metric[] = ['tvl', 'price'];
const DIRECTIONS = ['up', 'down', 'any'] as const;
type Direction = (typeof DIRECTIONS)[number];

export class MoversQuery {
  /** Metric: TVL of protocols, or prices of tokens. */
  @IsOptional()
  @ApiProperty({ enum: METRICS, default: 'tvl', required: false })
  @IsIn(METRICS)
  metric?: Metric;

  @IsOptional()
  @ApiProperty({ enum: WINDOWS, default: '24h', required: false })
  @IsIn(WINDOWS)
  window?: Window;

  @IsOptional()
  @ApiProperty({ enum: DIRECTIONS, default: 'any', required: false })
  @IsIn(DIRECTIONS)
  direction?: Direction;

  /**
   * Minimum value, US dollars. Without a minimum, the largest relative changes are those of the smallest values.
   * @example 1000000
   */
  @IsAmount()
  minValue?: number;

  /** Maximum number of rows of a page. */
  @IsDigits(1, 100, 10)
  limit: number = 10;

  /**
   * Value of `page.next_cursor` from the previous page; the other parameters must be the same. Rows whose change differs by
   * then may move to another page.
   */
  @IsOptional()
  @IsPlainText(MAX_CURSOR_LENGTH)
  cursor?: string;
}

export class MoverAnswer extends ChangesAnswer {
  @ApiProperty({ enum: METRICS })
  metric!: Metric;

  /** @example uniswap-v3 */
  protocol!: string | null;

  /** @example bitcoin */
  token!: string | null;

  /** @example Uniswap V3 */
  name!: string | null;

  /** @example UNI */
  symbol!: string | null;

  /** @example Dexs */
  category!: string | null;

  /** US dollars. */
  value!: number;

  /**
   * Change over the requested period, percent.
   * @example -12.5
   */
  changePercent!: number;
}

export class MoversAnswer {
  data!: MoverAnswer[];

  page!: PageInfo;
}
