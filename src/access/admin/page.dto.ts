import { Transform } from 'class-transformer';
import { IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import { ApiProperty } from '@nestjs/swagger';
import { numberOf } from './query-number.js';

/** Query parameters of every list of this module. */
export class PageQuery {
  /** Rows of a page, at most 1000. A page of large rows ends earlier; `has_more` states whether there are more rows. */
  @ApiProperty({ type: 'integer', required: false, default: 100, minimum: 1, maximum: 1000 })
  @IsOptional()
  @Transform(numberOf)
  @IsInt()
  @Min(1)
  @Max(1000)
  limit?: number;

  /** Value of `page.next_cursor` from the previous page. */
  @IsOptional()
  @Matches(/^[1-9]\d{0,17}$/, { message: 'cursor must be the next_cursor of a page' })
  cursor?: string;
}

/** Position of the next page of a list. */
export class PageInfo {
  /** Value of `cursor` for the next page; null on the last page. */
  @ApiProperty({ type: String, nullable: true })
  next_cursor!: string | null;

  has_more!: boolean;
}
