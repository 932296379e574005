import { IsOptional } from 'class-validator';
import { MAX_CURSOR_LENGTH } from './page-cursor.js';
import { IsDigits, IsPlainText } from './query-values.js';

/** Parameters of every list. */
export class ListQuery {
  /**
   * Maximum number of rows of the answer.
   * @example 20
   */
  @IsDigits(1, 1_000, 100)
  limit: number = 100;

  /** Value of `page.next_cursor` of the page before; with the same other parameters. */
  @IsOptional()
  @IsPlainText(MAX_CURSOR_LENGTH)
  cursor?: string;
}

export class PageInfo {
  /** Value of `cursor` for the next page; null on the last one. */
  next_cursor!: string | null;

  /**
   * Whether there are more rows.
   * @example true
   */
  has_more!: boolean;
}

/** Changes against the value at or before the time, in percent; null where none is that old. */
export class ChangesAnswer {
  /** @example 0.42 */
  change1h!: number | null;

  /** @example -1.73 */
  change24h!: number | null;

  /** @example 10.5 */
  change7d!: number | null;
}

/** Query of routes without parameters: any is refused. */
export class NoQuery {}
