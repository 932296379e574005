import { Injectable } from '@nestjs/common';
import { roleIncludes, type Caller } from '../../../access/index.js';
import { DomainError } from '../../../platform/errors/domain-error.js';
import { inputFault } from '../../../platform/input/faults.js';
import { EventLog, type LogBounds, type LogFilter } from '../../log/event-log.js';
import { formatCursor, parseCursor } from '../../core/cursor.js';
import { EVENT_TYPE_NAMES, EVENT_TYPES, type EventType } from '../../core/event-catalogue.js';
import { isFor } from '../../core/finality.js';
import { isDelivered } from '../../core/log-event.js';
import { eventPayload } from '../../core/payload.js';
import type { EventsAnswer, EventsQuery } from './events.dto.js';
import { commaList } from '../query-values.js';

/** Maximum number of log rows that one request reads; a search for rare events then takes the database 0.2 s. */
const MAX_ROWS = 100_000;
/** Bytes of `data` after which a page ends early. Bounds the memory of one caller, who may request sixteen pages at once. */
const MAX_PAGE_BYTES = 2_000_000;

/** Reads the event log for clients that poll. */
@Injectable()
export class EventLookups {
  constructor(private readonly log: EventLog) {}

  async read(query: EventsQuery, caller: Caller): Promise<EventsAnswer> {
    const filter = this.filter(query, caller);
    const bounds = await this.log.bounds();
    const after = position(query, bounds);
    const upTo = Math.min(after + MAX_ROWS, bounds.headSeq);
    const page = await this.log.readPage(after, query.limit + 1, { ...filter, upTo }, MAX_PAGE_BYTES);
    // Rows may have been dropped, or the log replaced, while the page was read.
    position(query, await this.log.bounds());
    const events = page.events.slice(0, query.limit);
    const end = page.hasMore ? (events.at(-1)?.seq ?? after) : upTo;
    return {
      data: events
        .filter(isDelivered)
        .filter((event) => isFor(query.finality, event))
        .map(eventPayload),
      page: { next_cursor: formatCursor(bounds.epoch, end), has_more: end < bounds.headSeq },
    };
  }

  private filter({ types, protocol, chain, token, all }: EventsQuery, caller: Caller): LogFilter {
    const everyones = all && roleIncludes(caller.role, 'admin');
    if (all && !everyones) throw new DomainError('forbidden', 'all=true is allowed for admins only.');
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
    throw inputFault('invalid_request', '?types', 'unknown_type', detail);
  });
}

/**
 * Returns the position after which to read. A position that the log no longer contains, or never did, is refused, because
 * events would be missed.
 */
function position({ since, cursor }: EventsQuery, { epoch, firstSeq, headSeq }: LogBounds): number {
  const given = cursor ?? since;
  const pointer = cursor === undefined ? '?since' : '?cursor';
  if (given === undefined) return firstSeq - 1;
  const parsed = parseCursor(given);
  const refused = (code: string, detail: string) =>
    inputFault('invalid_request', pointer, code, detail, {
      message: `Invalid ${pointer.slice(1)}: ${detail}; start again without it.`,
    });
  if (!parsed) throw refused('invalid_cursor', 'the value is not a cursor of the event log');
  const expired = (detail: string) => refused('cursor_expired', detail);
  if (parsed.epoch !== epoch) throw expired('the cursor belongs to another epoch of the log');
  if (parsed.seq > headSeq) throw expired('the log ends before the position of the cursor');
  if (parsed.seq < firstSeq - 1) throw expired('the events after the cursor are no longer kept');
  return parsed.seq;
}
