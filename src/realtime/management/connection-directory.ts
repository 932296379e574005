import { Injectable } from '@nestjs/common';
import type { Caller } from '../../access/index.js';
import { decodeCursor, encodeCursor } from '../../platform/http/paging/list-cursor.js';
import { RealtimeHub } from '../core/hub.js';
import type { ConnectionInfo } from '../core/session/session-identity.js';
import { ConnectionQuestions } from './connection-questions.js';
import type {
  Connection,
  ConnectionListQuery,
  ConnectionPage,
  DisconnectQuery,
  SubscriptionStats,
} from './connections.dto.js';
import { LocalConnections, type StatsPart } from './local-connections.js';
import type { ExplainQuery, Explanation } from './operations.dto.js';
import type { RemovedSubscriptions, SubscriptionPage, SubscriptionsAnswer } from './subscriptions.dto.js';
import { pageInfo } from '../../platform/http/paging/page.js';

/** Connections of all processes that a caller may see and change: the user's own, or all for admins. */
@Injectable()
export class ConnectionDirectory {
  constructor(
    private readonly hub: RealtimeHub,
    private readonly here: LocalConnections,
    private readonly questions: ConnectionQuestions,
  ) {}

  /** Lists connections. Processes that do not answer within a second are left out: most likely they have ended. */
  async list(caller: Caller, { limit, cursor, ...wanted }: ConnectionListQuery): Promise<ConnectionPage> {
    const scope = ['connections', wanted];
    const [last] = decodeCursor(scope, cursor, ['string']) ?? [];
    const after = String(last ?? '');
    const question = { limit, after, ...wanted };
    const others = await this.questions.gather('connections', caller, question);
    const all = [...this.here.list(caller, question), ...others.flatMap(connectionsIn)];
    const rest = all.sort((a, b) => (a.connectionId < b.connectionId ? -1 : 1));
    const data = rest.slice(0, limit);
    const end = rest.length > limit ? data.at(-1) : undefined;
    return { data, page: pageInfo(end === undefined ? null : encodeCursor(scope, [end.connectionId])) };
  }

  get(caller: Caller, id: string): Promise<Connection> {
    return this.questions.perform('get', caller, id) as Promise<Connection>;
  }

  async disconnect(caller: Caller, id: string, { final }: DisconnectQuery): Promise<void> {
    await this.questions.perform('disconnect', caller, id, { final });
  }

  subscriptions(caller: Caller, id: string): Promise<SubscriptionPage> {
    return this.questions.perform('subscriptions', caller, id) as Promise<SubscriptionPage>;
  }

  subscribe(caller: Caller, id: string, body: object): Promise<SubscriptionsAnswer> {
    return this.questions.perform('subscribe', caller, id, body) as Promise<SubscriptionsAnswer>;
  }

  update(caller: Caller, id: string, body: object): Promise<SubscriptionsAnswer> {
    return this.questions.perform('update', caller, id, body) as Promise<SubscriptionsAnswer>;
  }

  unsubscribe(caller: Caller, id: string, selection: object): Promise<RemovedSubscriptions> {
    return this.questions.perform('unsubscribe', caller, id, selection) as Promise<RemovedSubscriptions>;
  }

  explain(caller: Caller, { connection, cursor, eventId }: ExplainQuery): Promise<Explanation> {
    return this.questions.perform('explain', caller, connection, { cursor, eventId }) as Promise<Explanation>;
  }

  /** Counts subscriptions. Processes that do not answer within a second are left out. */
  async stats(caller: Caller): Promise<SubscriptionStats> {
    const parts = [this.here.stats(caller), ...(await this.questions.gather('stats', caller)).flatMap(statsIn)];
    return { ...parts.reduce(sum), cursor: this.hub.cursor };
  }
}

/** Returns the valid connections in an answer; the process that sent it may run another version of this software. */
function connectionsIn(answer: unknown): ConnectionInfo[] {
  return Array.isArray(answer)
    ? answer.filter((one): one is ConnectionInfo => typeof one?.connectionId === 'string')
    : [];
}

function statsIn(answer: unknown): StatsPart[] {
  const part = Object(answer) as Partial<StatsPart>;
  return part.connections && part.byName && typeof part.subscriptions === 'number' ? [answer as StatsPart] : [];
}

function sum(a: StatsPart, b: StatsPart): StatsPart {
  const byName = { ...a.byName };
  for (const [name, count] of Object.entries(b.byName)) byName[name] = (byName[name] ?? 0) + count;
  const added = (name: keyof StatsPart['connections']): number => a.connections[name] + b.connections[name];
  const connections = {
    total: added('total'),
    socketio: added('socketio'),
    websocket: added('websocket'),
    sse: added('sse'),
  };
  return { connections, subscriptions: a.subscriptions + b.subscriptions, byName };
}
