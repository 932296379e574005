import { IsOptional } from 'class-validator';
import { MAX_CURSOR_LENGTH } from './page-cursor.js';
import { IsDigits, IsPlainText } from '../../platform/http/fields.js';

/** Query parameters of every list. */
export class ListQuery {
  /**
   * Maximum number of rows of a page.
   * @example 20
   */
  @IsDigits(1, 1_000, 100)
  limit: number = 100;

  /** Value of `page.next_cursor` from the previous page; the other parameters must be the same. */
  @IsOptional()
  @IsPlainText(MAX_CURSOR_LENGTH)
  cursor?: string;
}

export class PageInfo {
  /** Value of `cursor` for the next page; null on the last page. */
  next_cursor!: string | null;

  /**
   * Whether there are more rows.
   * @example true
   */
  has_more!: boolean;
}

/** Changes in percent, compared with the last value 1 h, 24 h or 7 d ago; null if no value is that old. */
export class ChangesAnswer {
  /** @example 0.42 */
  change1h!: number | null;

  /** @example -1.73 */
  change24h!: number | null;

  /** @example 10.5 */
  change7d!: number | null;
}

/** Query of routes without parameters: every parameter is refused. */
export class NoQuery {}
