import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { IsDigits, IsPlainText } from '../../../platform/http/fields.js';
import { INTERVALS, type Interval } from './time-range.js';
import { PageInfo } from '../../../platform/http/paging/page.dto.js';
import { MAX_CURSOR_LENGTH } from '../../../platform/http/paging/list-cursor.js';

export class HistoryQuery {
  /**
   * Start of the range, included: ISO 8601 with a zone, a day, Unix milliseconds, or relative (`now-24h`; m, h, d, w).
   * @example now-7d
   */
  @IsOptional()
  @IsPlainText(40)
  from?: string;

  /**
   * End of the range, excluded; formats as for `from`.
   * @example now
   */
  @IsOptional()
  @IsPlainText(40)
  to?: string;

  /**
   * Interval: every value (`raw`), hours or days. Default: raw for ranges up to 2 days if single values are kept, hours up
   * to 90 days, days for longer ranges.
   */
  @IsOptional()
  @ApiProperty({ enum: INTERVALS, required: false })
  @IsIn(INTERVALS)
  interval?: Interval;

  /** Maximum number of rows of a page. */
  @IsDigits(1, 10_000, 1_000)
  limit: number = 1_000;

  /** Value of `page.next_cursor` from the previous page; the other parameters must be the same. */
  @IsOptional()
  @IsPlainText(MAX_CURSOR_LENGTH)
  cursor?: string;
}

export class HistoryRow {
  /**
   * Time of the value, or start of the hour or day; ISO 8601 UTC.
   * @example 2026-11-20T10:00:00.000Z
   */
  time!: string;

  /**
   * Value in US dollars; for an hour or day, its last value.
   * @example 2750000000
   */
  value!: number;

  /**
   * First value of the hour or day; of several values with the same time, the latest published. This field and the following
   * ones are absent for the interval `raw`.
   */
  open?: number;

  /** Highest value; null for a total over several chains, whose highest values may be at different times. */
  high?: number | null;

  /** Lowest value; null for a total over several chains. */
  low?: number | null;

  /** Mean of the recorded values; null for a total over several chains. */
  average?: number | null;

  /** Number of recorded values. */
  samples?: number;
}

class HistoryMeta {
  /** Start of the range, included; ISO 8601 UTC. Later than requested if single values are not kept for so long. */
  from!: string;

  /**
   * End of the range, excluded; ISO 8601 UTC. If single values of the requested end are no longer kept, this is the start of
   * its hour.
   */
  to!: string;

  @ApiProperty({ enum: INTERVALS })
  interval!: Interval;

  /**
   * Chains whose values were added up. `all` is included if it was the total at times without a real chain.
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
  /** Rows in ascending order of time. */
  data!: HistoryRow[];

  page!: PageInfo;

  meta!: HistoryMeta;
}
