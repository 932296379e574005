import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentCaller, Roles, type Caller } from '../../access/index.js';
import { CsvList } from '../../platform/http/csv.interceptor.js';
import { eventColumns } from './event-columns.js';
import { EventLookups } from './event-lookups.js';
import { EventsAnswer, EventsQuery } from './events.dto.js';

@ApiTags('events')
@Roles('reader')
@Controller('v1/events')
export class EventsController {
  constructor(private readonly events: EventLookups) {}

  /**
   * Reads the event log, in order.
   * @remarks Poll with the `next_cursor` of the last answer: nothing is missed, nothing comes twice. One request
   * looks through 100,000 rows of the log at most: a page with few events, or none, may have more. A cursor that the
   * log no longer reaches back to is refused with the code `cursor_expired`; take the current values and start again.
   */
  @Get()
  @CsvList<Record<string, unknown>>('events', ({ types }) => eventColumns(types))
  read(@Query() query: EventsQuery, @CurrentCaller() caller: Caller): Promise<EventsAnswer> {
    return this.events.read(query, caller);
  }
}
