import { ApiProperty } from '@nestjs/swagger';
import { IsOptional } from 'class-validator';
import type { EventPayload } from '../core/payload.js';
import { IsDigits, IsFlag, IsName, IsPlainText } from './query-values.js';

export class EventsQuery {
  /** Events after this cursor; without it from the oldest event kept. */
  @IsOptional()
  @IsPlainText(64)
  since?: string;

  /** The same as `since`; `page.next_cursor` of the page before. */
  @IsOptional()
  @IsPlainText(64)
  cursor?: string;

  /**
   * Comma-separated; default all.
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

  /** Admins: also what belongs to other users. */
  @IsFlag()
  all: boolean = false;

  /** Most events of the answer, which ends earlier after 2 MB of `data`; `has_more` says whether there are more. */
  @IsDigits(1, 1_000, 100)
  limit: number = 100;
}

export class EventsPage {
  /** Where to go on, also when there is nothing more yet. */
  next_cursor!: string;

  /** Whether there is more right now. */
  has_more!: boolean;
}

export class EventsAnswer {
  /** In log order; the fields of each type as in the AsyncAPI document. */
  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } })
  data!: EventPayload[];

  page!: EventsPage;
}
