import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import type { Order } from '../../../platform/http/paging/keyset-page.js';
import { PageQuery } from '../../../platform/http/paging/page.dto.js';
import { IsName } from '../query-values.js';

/** Periods of changes. */
export const WINDOWS = ['1h', '24h', '7d'] as const;
export type Window = (typeof WINDOWS)[number];
const ORDERS = ['asc', 'desc'] as const satisfies readonly Order[];

/** Parameters of the sorted lists of protocols and tokens. */
export class SubjectsQuery extends PageQuery {
  /** @example ethereum */
  @IsOptional()
  @IsName('chain')
  chain?: string;

  /** Sort order; default: ascending for names, descending for numbers. Rows without the number are last. */
  @IsOptional()
  @ApiProperty({ enum: ORDERS, required: false })
  @IsIn(ORDERS)
  order?: Order;

  /** Period of the change for `sort=change`. */
  @IsOptional()
  @ApiProperty({ enum: WINDOWS, default: '24h', required: false })
  @IsIn(WINDOWS)
  window?: Window;
}
