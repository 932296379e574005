import { Injectable } from '@nestjs/common';
import { roleIncludes, type Caller } from '../../access/index.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { EventLog, type LogBounds, type LogFilter } from '../capture/event-log.js';
import { formatCursor, parseCursor } from '../core/cursor.js';
import { EVENT_TYPE_NAMES, EVENT_TYPES, type EventType } from '../core/event-catalogue.js';
import { isDelivered } from '../core/log-event.js';
import { eventPayload } from '../core/payload.js';
import type { EventsAnswer, EventsQuery } from './events.dto.js';
import { invalidCursor } from './page-cursor.js';
import { commaList } from './query-values.js';

/** Maximum rows of the log that one request reads: 0.2 s of the database for a search for rare events. */
const MAX_ROWS = 100_000;
/** Bytes of `data` after which a page ends early: the memory of one caller, who may request sixteen pages at once. */
const MAX_PAGE_BYTES = 2_000_000;

/** Event log for polling clients. */
@Injectable()
export class EventLookups {
  constructor(private readonly log: EventLog) {}

  async read(query: EventsQuery, caller: Caller): Promise<EventsAnswer> {
    const filter = this.filter(query, caller);
    const bounds = await this.log.bounds();
    const after = position(query, bounds);
    const upTo = Math.min(after + MAX_ROWS, bounds.headSeq);
    const page = await this.log.readPage(after, query.limit + 1, MAX_PAGE_BYTES, { ...filter, upTo });
    const events = page.events.slice(0, query.limit);
    const end = page.isCut || page.events.length > query.limit ? (events.at(-1)?.seq ?? after) : upTo;
    return {
      data: events.filter(isDelivered).map(eventPayload),
      page: { next_cursor: formatCursor(bounds.epoch, end), has_more: end < bounds.headSeq },
    };
  }

  private filter({ types, protocol, chain, token, all }: EventsQuery, caller: Caller): LogFilter {
    const everyones = all && roleIncludes(caller.role, 'admin');
    if (all && !everyones) throw new DomainError('forbidden', 'all=true is only allowed for admins.');
    return {
      types: types === undefined ? EVENT_TYPES : eventTypes(types),
      ...(protocol === undefined ? {} : { protocol }),
      ...(chain === undefined ? {} : { chain }),
      ...(token === undefined ? {} : { token }),
      ...(everyones ? {} : { owner: caller.userId }),
    };
  }
}

function eventTypes(list: string): EventType[] {
  return commaList(list).map((name) => {
    const type = EVENT_TYPE_NAMES.get(name);
    if (type !== undefined) return type;
    const detail = `types must be some of ${EVENT_TYPES.join(', ')}`;
    const errors = [{ pointer: '?types', code: 'unknown_type', detail }];
    throw new DomainError('invalid_request', detail, { field: 'types', errors });
  });
}

/** Returns the exclusive start; a position that the log no longer has, or never had, is refused instead of skipped over. */
function position({ since, cursor }: EventsQuery, { epoch, firstSeq, headSeq }: LogBounds): number {
  const given = cursor ?? since;
  const pointer = cursor === undefined ? '?since' : '?cursor';
  if (given === undefined) return firstSeq - 1;
  const parsed = parseCursor(given);
  if (!parsed) throw invalidCursor('it is not a cursor of the event log', 'invalid_cursor', pointer);
  const expired = (detail: string) => invalidCursor(detail, 'cursor_expired', pointer);
  if (parsed.epoch !== epoch) throw expired('it is a cursor of another log');
  if (parsed.seq > headSeq) throw expired('the log ends before it');
  if (parsed.seq < firstSeq - 1) throw expired('the log no longer reaches back to it');
  return parsed.seq;
}
