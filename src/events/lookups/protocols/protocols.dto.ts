import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { ChangesAnswer } from '../list.dto.js';
import { IsPlainText } from '../../../platform/http/fields.js';
import { SubjectsQuery } from '../values/subjects-query.dto.js';
import { ChainTvlAnswer } from '../values/tvl.dto.js';
import { PageInfo } from '../../../platform/http/paging/page.dto.js';

const PROTOCOL_SORTS = ['tvl', 'name', 'change'] as const;
type ProtocolSort = (typeof PROTOCOL_SORTS)[number];

export class ProtocolsQuery extends SubjectsQuery {
  /**
   * Text that the slug, name or symbol contains, ignoring case.
   * @example swap
   */
  @IsOptional()
  @IsPlainText(100)
  q?: string;

  /** @example Lending */
  @IsOptional()
  @IsPlainText(100)
  category?: string;

  @IsOptional()
  @ApiProperty({ enum: PROTOCOL_SORTS, default: 'tvl', required: false })
  @IsIn(PROTOCOL_SORTS)
  sort?: ProtocolSort;
}

export class ProtocolAnswer extends ChangesAnswer {
  /**
   * Slug of the protocol.
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

  /** Last published total over all real chains, US dollars. */
  tvl!: number | null;
}

export class ProtocolDetailAnswer extends ProtocolAnswer {
  /** Metadata as the writer gave it; what is nested deeper than 64 levels (older rows) is `{"omitted": "too_deep"}`. */
  metadata!: Record<string, unknown>;

  /** Last published value of each chain. */
  tvls!: ChainTvlAnswer[];
}

export class ProtocolsAnswer {
  data!: ProtocolAnswer[];

  page!: PageInfo;
}
