import { ApiProperty } from '@nestjs/swagger';
import { IsOptional } from 'class-validator';
import { IsDigits, IsPlainText } from '../fields.js';
import { MAX_CURSOR_LENGTH } from './list-cursor.js';

/** Query parameters of every list. */
export class PageQuery {
  /**
   * Maximum number of rows of a page. A page of large rows ends earlier; `has_more` states whether there are more rows.
   * @example 20
   */
  @IsDigits(1, 1_000, 100)
  limit: number = 100;

  /** Value of `page.next_cursor` from the previous page; the other parameters, except `limit`, must be the same. */
  @IsOptional()
  @IsPlainText(MAX_CURSOR_LENGTH)
  cursor?: string;
}

/** Position of the next page of a list. */
export class PageInfo {
  /** Value of `cursor` for the next page; null on the last page. */
  @ApiProperty({ type: String, nullable: true })
  next_cursor!: string | null;

  /**
   * Whether there are more rows.
   * @example true
   */
  has_more!: boolean;
}

/** Query of routes without parameters: every parameter is refused. */
export class NoQuery {}
