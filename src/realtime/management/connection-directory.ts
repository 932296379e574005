import { Injectable } from '@nestjs/common';
import { UsageLimits, type Caller } from '../../access/index.js';
import { EventLog, eventId, isDelivered, parseCursor, parseEventId, type LogEvent } from '../../events/index.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { RealtimeHub } from '../core/hub.js';
import { parseSelector, parseSubscribe, parseUpdate } from '../core/parse-subscribe.js';
import type { Session } from '../core/session.js';
import type { ConnectionInfo } from '../core/session-identity.js';
import type { ConnectionListQuery, ConnectionPage, SubscriptionStats } from './connections.dto.js';
import { explain } from './explanation.js';
import type { ExplainQuery, Explanation } from './operations.dto.js';
import type { RemovedSubscriptions, SubscriptionPage, SubscriptionsAnswer } from './subscriptions.dto.js';

/** The connections that a caller may see and change: his user's own, for admins all. */
@Injectable()
export class ConnectionDirectory {
  constructor(
    private readonly hub: RealtimeHub,
    private readonly log: EventLog,
    private readonly limits: UsageLimits,
  ) {}

  list(caller: Caller, { limit, cursor, userId }: ConnectionListQuery): ConnectionPage {
    const after = cursor === undefined ? '' : Buffer.from(cursor, 'base64url').toString('utf8');
    const rest = this.visibleTo(caller, userId)
      .filter(({ id }) => id > after)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    const data = rest.slice(0, limit).map((session) => session.info());
    const last = rest.length > limit ? data.at(-1) : undefined;
    const next = last ? Buffer.from(last.connectionId).toString('base64url') : null;
    return { data, page: { next_cursor: next, has_more: next !== null } };
  }

  get(caller: Caller, id: string): ConnectionInfo {
    return this.find(caller, id).info();
  }

  disconnect(caller: Caller, id: string): void {
    this.find(caller, id).close('replaced', 'The connection was ended through the API.');
  }

  subscriptions(caller: Caller, id: string): SubscriptionPage {
    return { data: this.find(caller, id).list(), page: { next_cursor: null, has_more: false } };
  }

  async subscribe(caller: Caller, id: string, body: object): Promise<SubscriptionsAnswer> {
    const session = await this.change(caller, id);
    const { requests, options } = parseSubscribe({ ...body });
    const { subscriptions, cursor, recovered, reason, replayed } = await session.subscribe(requests, options);
    return { subscriptions, cursor, recovered, reason, replayed };
  }

  async update(caller: Caller, id: string, body: object): Promise<SubscriptionsAnswer> {
    const session = await this.change(caller, id);
    const { selector, filter, options } = parseUpdate({ ...body });
    const { subscriptions, cursor } = await session.updateFilters(selector, filter, options);
    return { subscriptions, cursor };
  }

  async unsubscribe(caller: Caller, id: string, selection: object): Promise<RemovedSubscriptions> {
    const session = await this.change(caller, id);
    return session.unsubscribe(parseSelector({ ...selection }));
  }

  stats(caller: Caller): SubscriptionStats {
    const sessions = this.visibleTo(caller, undefined);
    const connections = { total: sessions.length, socketio: 0, websocket: 0, sse: 0 };
    const byName: Record<string, number> = {};
    let subscriptions = 0;
    for (const session of sessions) {
      connections[session.link.transport]++;
      for (const { request } of session.subscriptions.values()) {
        const name = request.channel ?? request.type;
        byName[name] = (byName[name] ?? 0) + 1;
        subscriptions++;
      }
    }
    return { connections, subscriptions, byName, cursor: this.hub.cursor };
  }

  async explain(caller: Caller, query: ExplainQuery): Promise<Explanation> {
    const session = this.find(caller, query.connection);
    const event = await this.eventOf(query);
    if (event.owner !== null && event.owner !== caller.userId && caller.role !== 'admin') throw noEvent();
    return explain(session, event);
  }

  private async eventOf({ cursor, eventId: id }: ExplainQuery): Promise<LogEvent> {
    if ((cursor === undefined) === (id === undefined)) {
      throw new DomainError('invalid_request', 'Give either cursor or eventId.', { field: 'cursor' });
    }
    const byId = parseEventId(id);
    const seq = byId?.seq ?? parseCursor(cursor)?.seq ?? 0;
    if (seq < 1) throw noEvent();
    const [event] = await this.log.read(seq - 1, 1);
    const isIt =
      id === undefined ? event?.epoch === parseCursor(cursor)?.epoch : event && eventId(event) === id.toLowerCase();
    if (event?.seq !== seq || !isIt || !isDelivered(event)) throw noEvent();
    return event;
  }

  private visibleTo(caller: Caller, userId: string | undefined): Session[] {
    if (caller.role === 'admin')
      return userId === undefined ? this.hub.sessions.all() : this.hub.sessions.ofUser(userId);
    return userId === undefined || userId === caller.userId ? this.hub.sessions.ofUser(caller.userId) : [];
  }

  /** What belongs to others does not exist. */
  private find(caller: Caller, id: string): Session {
    const session = this.hub.sessions.get(id);
    if (!session || (caller.role !== 'admin' && session.identity.caller.userId !== caller.userId)) {
      throw new DomainError('not_found', 'There is no such connection, or it belongs to somebody else.');
    }
    return session;
  }

  private async change(caller: Caller, id: string): Promise<Session> {
    const session = this.find(caller, id);
    if (await this.limits.subscriptionChange(session.identity.caller, id)) return session;
    throw new DomainError(
      'rate_limited',
      'Too many subscription changes of this connection; the limit is per minute.',
      {
        retryAfterMs: 60_000,
      },
    );
  }
}

function noEvent(): DomainError {
  return new DomainError('not_found', 'There is no such event in the log, or it is no longer kept.');
}
