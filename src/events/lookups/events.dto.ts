import { ApiProperty } from '@nestjs/swagger';
import { IsOptional } from 'class-validator';
import type { EventPayload } from '../core/payload.js';
import { IsDigits, IsFlag, IsName, IsPlainText } from './query-values.js';

export class EventsQuery {
  /** Cursor after which events begin; without it from the oldest event kept. */
  @IsOptional()
  @IsPlainText(64)
  since?: string;

  /** Same as `since`; value of `page.next_cursor` of the page before. */
  @IsOptional()
  @IsPlainText(64)
  cursor?: string;

  /**
   * Event types, comma-separated; default all.
   * @example tvl_change,price_change
   */
  @IsOptional()
  @IsPlainText(500)
  types?: string;

  /** @example uniswap-v3 */
  @IsOptional()
  @IsName('protocol')
  protocol?: string;

  /** @example ethereum */
  @IsOptional()
  @IsName('chain')
  chain?: string;

  /** @example bitcoin */
  @IsOptional()
  @IsName('token')
  token?: string;

  /** Whether rows of other users are included; for admins. */
  @IsFlag()
  all: boolean = false;

  /**
   * Maximum number of events of the answer, which ends earlier after 2 MB of `data`; `has_more` tells whether there are more.
   */
  @IsDigits(1, 1_000, 100)
  limit: number = 100;
}

export class EventsPage {
  /** Cursor of the next page, also when there is nothing more yet. */
  next_cursor!: string;

  /** Whether there are more events now. */
  has_more!: boolean;
}

export class EventsAnswer {
  /** Events in log order; the fields of each type as in the AsyncAPI document. */
  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } })
  data!: EventPayload[];

  page!: EventsPage;
}
