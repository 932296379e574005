import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentCaller, Roles, type Caller } from '../../../access/index.js';
import { CsvList } from '../../../platform/http/csv.interceptor.js';
import { EventLookups } from './event-lookups.js';
import { EventsAnswer, EventsQuery } from './events.dto.js';
import { EVENT_TYPE_NAMES, EVENT_TYPES, EVENTS } from '../../core/event-catalogue.js';
import type { EventPayloadBase } from '../../core/payload.js';
import { commaList } from '../query-values.js';

@ApiTags('events')
@Roles('reader')
@Controller('v1/events')
export class EventsController {
  constructor(private readonly events: EventLookups) {}

  /**
   * Reads the event log in order.
   * @remarks Poll with the `next_cursor` of the previous answer: no event is missed or repeated. One request reads at most
   * 100,000 rows of the log, so `has_more` can be true even if a page has few events or none. A cursor whose following
   * events are no longer kept is refused with the code `cursor_expired`; read the current values and start again.
   */
  @Get()
  @CsvList<Record<string, unknown>>('events', ({ types }) => eventColumns(types))
  read(@Query() query: EventsQuery, @CurrentCaller() caller: Caller): Promise<EventsAnswer> {
    return this.events.read(query, caller);
  }
}

const COMMON = [
  'eventId',
  'cursor',
  'eventType',
  'timestamp',
  'source',
  'confidence',
  'tags',
  'correlationId',
] as const satisfies readonly (keyof EventPayloadBase)[];

/** Returns the CSV columns for events of the requested types; they do not depend on the events of a page. */
function eventColumns(types: unknown): readonly string[] {
  const asked = typeof types === 'string' ? commaList(types).map((name) => EVENT_TYPE_NAMES.get(name)) : EVENT_TYPES;
  return [...COMMON, ...asked.flatMap((type) => (type === undefined ? [] : Object.keys(EVENTS[type].example)))];
}
