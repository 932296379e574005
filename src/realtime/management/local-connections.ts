import { Injectable } from '@nestjs/common';
import { UsageLimits, type Caller } from '../../access/index.js';
import { EventLog, eventId, isDelivered, parseCursor, parseEventId, type LogEvent } from '../../events/index.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { pageInfo } from '../../platform/http/paging/page.js';
import { RealtimeHub } from '../core/hub.js';
import { parseSelector, parseSubscribe, parseUpdate } from '../core/request/parse-socketio.js';
import type { Session } from '../core/session/session.js';
import type { ConnectionInfo } from '../core/session/session-identity.js';
import { Bans } from '../transports/admission/bans.js';
import type { SubscriptionStats } from './connections.dto.js';
import { explain } from './explanation.js';
import type { ExplainQuery, Explanation } from './operations.dto.js';
import type { RemovedSubscriptions, SubscriptionPage, SubscriptionsAnswer } from './subscriptions.dto.js';

/** Sender of a request, which may come from another process. */
export type Asker = Pick<Caller, 'userId' | 'role'>;

type EventChoice = Pick<ExplainQuery, 'cursor' | 'eventId'>;

/** Criteria by which connections can be chosen. */
export const CHOICES = ['userId', 'key', 'address', 'transport', 'text'] as const;

interface ListQuestion extends Partial<Record<(typeof CHOICES)[number], string>> {
  limit: number;
  after: string;
}

/** Figures of one process. */
export type StatsPart = Omit<SubscriptionStats, 'cursor'>;

/** Connections of this process that a caller may see and change: the user's own, or all for admins. */
@Injectable()
export class LocalConnections {
  constructor(
    private readonly hub: RealtimeHub,
    private readonly log: EventLog,
    private readonly limits: UsageLimits,
    private readonly bans: Bans,
  ) {}

  has(id: string): boolean {
    return this.hub.sessions.get(id) !== undefined;
  }

  /** Returns up to `limit` connections whose id is greater than `after`, sorted by id; one more if there are more. */
  list(asker: Asker, { limit, after, userId, ...wanted }: ListQuestion): ConnectionInfo[] {
    return this.visibleTo(asker, userId)
      .filter((session) => session.id > after && isWanted(session, wanted))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, limit + 1)
      .map((session) => session.info());
  }

  get(asker: Asker, id: string): ConnectionInfo {
    return this.find(asker, id).info();
  }

  async disconnect(asker: Asker, id: string, isFinal: boolean): Promise<void> {
    const session = this.find(asker, id);
    const { caller, address } = session.identity;
    if (isFinal) await this.bans.ban(caller.keyId, address);
    session.close(isFinal ? 'dismissed' : 'replaced', 'The connection was ended through the API.');
  }

  subscriptions(asker: Asker, id: string): SubscriptionPage {
    return { data: this.find(asker, id).list(), page: pageInfo(null) };
  }

  async subscribe(asker: Asker, id: string, body: object): Promise<SubscriptionsAnswer> {
    const session = await this.change(asker, id);
    const { requests, options } = parseSubscribe({ ...body });
    const { subscriptions, cursor, recovered, reason, replayed } = await session.subscribe(requests, options);
    return { subscriptions, cursor, recovered, reason, replayed };
  }

  async update(asker: Asker, id: string, body: object): Promise<SubscriptionsAnswer> {
    const session = await this.change(asker, id);
    const { selector, filter, options } = parseUpdate({ ...body });
    const { subscriptions, cursor } = await session.updateFilters(selector, filter, options);
    return { subscriptions, cursor };
  }

  async unsubscribe(asker: Asker, id: string, selection: object): Promise<RemovedSubscriptions> {
    const session = await this.change(asker, id);
    return session.unsubscribe(parseSelector({ ...selection }));
  }

  stats(asker: Asker): StatsPart {
    const sessions = this.visibleTo(asker, undefined);
    const connections = { total: sessions.length, socketio: 0, websocket: 0, sse: 0 };
    const byName: Record<string, number> = {};
    let subscriptions = 0;
    for (const session of sessions) {
      connections[session.link.transport]++;
      for (const { channel, type } of session.list()) {
        const name = channel ?? type;
        byName[name] = (byName[name] ?? 0) + 1;
        subscriptions++;
      }
    }
    return { connections, subscriptions, byName };
  }

  async explain(asker: Asker, id: string, query: EventChoice): Promise<Explanation> {
    const session = this.find(asker, id);
    const event = await this.eventOf(query);
    if (event.owner !== null && event.owner !== asker.userId && asker.role !== 'admin') throw noEvent();
    return explain(session, event);
  }

  private async eventOf({ cursor, eventId: id }: EventChoice): Promise<LogEvent> {
    if ((cursor === undefined) === (id === undefined)) {
      throw new DomainError('invalid_request', 'Exactly one of cursor and eventId must be given.', { field: 'cursor' });
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

  private visibleTo(asker: Asker, userId: string | undefined): Session[] {
    if (asker.role === 'admin')
      return userId === undefined ? this.hub.sessions.all() : this.hub.sessions.ofUser(userId);
    return userId === undefined || userId === asker.userId ? this.hub.sessions.ofUser(asker.userId) : [];
  }

  /** Finds a connection. Connections of other users are reported as not found. */
  private find(asker: Asker, id: string): Session {
    const session = this.hub.sessions.get(id);
    if (!session || (asker.role !== 'admin' && session.identity.caller.userId !== asker.userId)) {
      throw new DomainError('not_found', 'Connection not found, or it belongs to another user.');
    }
    return session;
  }

  private async change(asker: Asker, id: string): Promise<Session> {
    const session = this.find(asker, id);
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

function isWanted(
  { id, identity, link }: Session,
  { key, address, transport, text }: Omit<ListQuestion, 'limit' | 'after' | 'userId'>,
): boolean {
  const { caller, userAgent = '' } = identity;
  return (
    (key === undefined || caller.keyId === key) &&
    (address === undefined || identity.address === address) &&
    (transport === undefined || link.transport === transport) &&
    (text === undefined ||
      [id, caller.userId, caller.keyId, identity.address, userAgent].some((part) =>
        part.toLowerCase().includes(text.toLowerCase()),
      ))
  );
}

function noEvent(): DomainError {
  return new DomainError('not_found', 'Event not found in the log, or no longer kept.');
}
