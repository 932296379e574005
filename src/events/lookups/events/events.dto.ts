import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { FINALITIES, type Finality } from '../../core/finality.js';
import type { EventPayload } from '../../core/payload.js';
import { IsDigits, IsFlag, IsPlainText } from '../../../platform/http/fields.js';
import { IsName } from '../query-values.js';

export class EventsQuery {
  /** Cursor after which the events begin; default: the oldest event kept. */
  @IsOptional()
  @IsPlainText(64)
  since?: string;

  /** Like `since`: the value of `page.next_cursor` from the previous page. */
  @IsOptional()
  @IsPlainText(64)
  cursor?: string;

  /**
   * Event types, comma-separated; default: all types.
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

  /** On-chain events as soon as they are seen (`instant`), or once their block is final (`final`). */
  @ApiPropertyOptional({ enum: FINALITIES, default: 'instant' })
  @IsOptional()
  @IsIn(FINALITIES)
  finality: Finality = 'instant';

  /** Whether events of other users (alerts) are included; for admins only. */
  @IsFlag()
  all: boolean = false;

  /**
   * Maximum number of events of a page. A page ends earlier after 2 MB of `data`; `has_more` states whether there are more
   * events.
   */
  @IsDigits(1, 1_000, 100)
  limit: number = 100;
}

class EventsPage {
  /** Cursor of the next page; it is set even if there are no more events yet. */
  next_cursor!: string;

  /** Whether there are more events now. */
  has_more!: boolean;
}

export class EventsAnswer {
  /** Events in log order; the AsyncAPI document describes the fields of each type. */
  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } })
  data!: EventPayload[];

  page!: EventsPage;
}
