import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { PageInfo } from './list.dto.js';
import { MAX_CURSOR_LENGTH } from './page-cursor.js';
import { IsDigits, IsPlainText } from './query-values.js';
import { INTERVALS, type Interval } from './time-range.js';

export class HistoryQuery {
  /**
   * Start, included: ISO 8601 with a zone, a day, Unix milliseconds, or relative (`now-24h`; m, h, d, w).
   * @example now-7d
   */
  @IsOptional()
  @IsPlainText(40)
  from?: string;

  /**
   * End, excluded, in the same forms.
   * @example now
   */
  @IsOptional()
  @IsPlainText(40)
  to?: string;

  /** Interval: every value, or hours or days. Without it: raw up to 2 days where it is kept, hours up to 90, else days. */
  @IsOptional()
  @ApiProperty({ enum: INTERVALS, required: false })
  @IsIn(INTERVALS)
  interval?: Interval;

  /** Maximum number of rows of the answer. */
  @IsDigits(1, 10_000, 1_000)
  limit: number = 1_000;

  /** Value of `page.next_cursor` of the page before; with the same other parameters. */
  @IsOptional()
  @IsPlainText(MAX_CURSOR_LENGTH)
  cursor?: string;
}

export class HistoryRow {
  /**
   * Time of the value, or the start of the hour or day; ISO 8601 UTC.
   * @example 2026-11-20T10:00:00.000Z
   */
  time!: string;

  /**
   * US dollars; for an hour or day its last value.
   * @example 2750000000
   */
  value!: number;

  /** First value of an hour or day, of several of one instant the last; this and the following fields only there. */
  open?: number;

  /** Highest value; null for a total over several chains, whose highs need not coincide. */
  high?: number | null;

  /** Lowest value; null for a total over several chains. */
  low?: number | null;

  /** Mean of the recorded values; null for a total over several chains. */
  average?: number | null;

  /** Number of recorded values. */
  samples?: number;
}

export class HistoryMeta {
  /** Start, ISO 8601 UTC, included. Later than requested where single values go back no further. */
  from!: string;

  /**
   * End, ISO 8601 UTC, excluded: no value from then on is in the answer. Where single values are no longer kept it is the start
   * of the requested hour.
   */
  to!: string;

  @ApiProperty({ enum: INTERVALS })
  interval!: Interval;

  /**
   * Series that were added up; `all` was the total by itself, as long as no chain had a value.
   * @example ["ethereum", "arbitrum"]
   */
  chains!: string[];
}

/** Columns of a chart as CSV. */
export const HISTORY_COLUMNS = [
  'time',
  'value',
  'open',
  'high',
  'low',
  'average',
  'samples',
] as const satisfies readonly (keyof HistoryRow)[];

export class HistoryAnswer {
  /** Rows, oldest first. */
  data!: HistoryRow[];

  page!: PageInfo;

  meta!: HistoryMeta;
}
