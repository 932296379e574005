import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import type { Order } from './keyset-page.js';
import { ChangesAnswer, ListQuery, PageInfo } from './list.dto.js';
import { IsName, IsPlainText } from './query-values.js';
import { ChainTvlAnswer } from './tvl.dto.js';

export const WINDOWS = ['1h', '24h', '7d'] as const;
export type Window = (typeof WINDOWS)[number];
export const ORDERS: readonly Order[] = ['asc', 'desc'];
export const PROTOCOL_SORTS = ['tvl', 'name', 'change'] as const;
export type ProtocolSort = (typeof PROTOCOL_SORTS)[number];

export class ProtocolsQuery extends ListQuery {
  /**
   * Part of the slug, name or symbol, ignoring case.
   * @example swap
   */
  @IsOptional()
  @IsPlainText(100)
  q?: string;

  /** @example Lending */
  @IsOptional()
  @IsPlainText(100)
  category?: string;

  /** @example ethereum */
  @IsOptional()
  @IsName('chain')
  chain?: string;

  @IsOptional()
  @ApiProperty({ enum: PROTOCOL_SORTS, default: 'tvl', required: false })
  @IsIn(PROTOCOL_SORTS)
  sort?: ProtocolSort;

  /** Order; default: names ascending, numbers descending. Protocols without the number come last. */
  @IsOptional()
  @ApiProperty({ enum: ORDERS, required: false })
  @IsIn(ORDERS)
  order?: Order;

  /** Window of the change for `sort=change`. */
  @IsOptional()
  @ApiProperty({ enum: WINDOWS, default: '24h', required: false })
  @IsIn(WINDOWS)
  window?: Window;
}

export class ProtocolAnswer extends ChangesAnswer {
  /**
   * The slug.
   * @example uniswap-v3
   */
  protocol!: string;

  /** @example Uniswap V3 */
  name!: string;

  /** @example UNI */
  symbol!: string | null;

  /** @example Dexs */
  category!: string | null;

  /** @example ["ethereum", "arbitrum"] */
  chains!: string[];

  /** @example https://uniswap.org */
  url!: string | null;

  /** US dollars over all real chains, last published. */
  tvl!: number | null;
}

export class ProtocolDetailAnswer extends ProtocolAnswer {
  /** Metadata as the writer gave it. */
  metadata!: Record<string, unknown>;

  /** Last published value of each chain. */
  tvls!: ChainTvlAnswer[];
}

export class ProtocolsAnswer {
  data!: ProtocolAnswer[];

  page!: PageInfo;
}
