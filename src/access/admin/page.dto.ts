import { Transform } from 'class-transformer';
import { IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import { ApiProperty } from '@nestjs/swagger';
import { numberOf } from './query-values.js';

/** What every list of this module takes. */
export class PageQuery {
  /** Rows of a page, at most 1000; one of large rows ends earlier, `has_more` says whether there are more. */
  @ApiProperty({ type: 'integer', required: false, default: 100, minimum: 1, maximum: 1000 })
  @IsOptional()
  @Transform(numberOf)
  @IsInt()
  @Min(1)
  @Max(1000)
  limit?: number;

  /** `page.next_cursor` of the page before. */
  @IsOptional()
  @Matches(/^[1-9]\d{0,17}$/, { message: 'cursor must be the next_cursor of a page' })
  cursor?: string;
}

/** Where a list goes on. */
export class PageInfo {
  /** Give it back as `cursor` for the next page; null on the last one. */
  @ApiProperty({ type: String, nullable: true })
  next_cursor!: string | null;

  has_more!: boolean;
}
