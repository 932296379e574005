import type { Caller } from '../../access/index.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import type { Session } from './session.js';
import type { SubscriptionSelector } from './subscription-book.js';
import { assertMaySubscribe } from './subscription-rights.js';
import type { SubscriptionInfo, SubscriptionRequest } from './subscription.js';

/** What a message says; `cursor` is the position of the log that it shows. */
export interface LiveQueryBody extends Readonly<Record<string, unknown>> {
  readonly cursor: string;
}

/** Where a live query's messages go. */
export interface LiveQuerySink {
  /** `query_result` or `query_change`; the subscription's id is added. */
  send(name: 'query_result' | 'query_change', body: LiveQueryBody): void;
  /** The reader is behind: a change now would only wait. Ask again later, or start over with a result. */
  isBehind(): boolean;
}

export interface LiveQueryOptions {
  /** At most one change per so many milliseconds; the runner's default when absent. */
  intervalMs?: number;
}

/** One live query of one connection. */
export interface LiveQueryHandle {
  /** The result follows, then its changes. */
  start(sink: LiveQuerySink): void;
  close(): void;
}

/** What runs live queries; whoever knows queries brings it. */
export interface LiveQueryRunner {
  /** Throws `invalid_request` or `limit_exceeded` for a query that cannot be run. */
  open(query: unknown, caller: Caller, options: LiveQueryOptions): LiveQueryHandle;
}

interface OpenQuery {
  readonly info: SubscriptionInfo;
  readonly handle: LiveQueryHandle;
}

/** Each costs the database something, unlike a filter. */
const QUERIES_PER_CONNECTION = 20;

/** The live queries of all connections of this process. They are subscriptions that no event of the log is matched with. */
export class LiveQueries {
  private runner: LiveQueryRunner | undefined;
  private readonly bySession = new Map<Session, OpenQuery[]>();
  private opened = 0;

  serve(runner: LiveQueryRunner): void {
    this.runner = runner;
  }

  /** All or nothing. Nothing is sent before `start`. */
  open(session: Session, requests: readonly SubscriptionRequest[]): OpenQuery[] {
    const opened: OpenQuery[] = [];
    try {
      for (const request of requests) opened.push(this.openOne(session, request));
    } catch (error) {
      this.close(session, opened);
      throw error;
    }
    return opened;
  }

  start(session: Session, queries: readonly OpenQuery[]): void {
    for (const { info, handle } of queries) {
      handle.start({
        send: (name, { cursor, ...body }) => {
          session.link.sendMessage(name, { subscriptionId: info.id, ...body, cursor: older(cursor, session.cursor) });
        },
        isBehind: () => session.isBehind(),
      });
    }
  }

  list(session: Session): SubscriptionInfo[] {
    return (this.bySession.get(session) ?? []).map(({ info }) => info);
  }

  /** Of a selector only the id and the type can mean a query. */
  remove(session: Session, { id, type, ...rest }: SubscriptionSelector): SubscriptionInfo[] {
    if (Object.values(rest).some((value) => value !== undefined)) return [];
    const named = (this.bySession.get(session) ?? []).filter(
      ({ info }) => (id === undefined || info.id === id) && (type === undefined || type === 'query'),
    );
    this.close(session, named);
    return named.map(({ info }) => info);
  }

  close(session: Session, queries: readonly OpenQuery[] = this.bySession.get(session) ?? []): void {
    const left = (this.bySession.get(session) ?? []).filter((query) => !queries.includes(query));
    if (left.length > 0) this.bySession.set(session, left);
    else this.bySession.delete(session);
    for (const { handle } of queries) handle.close();
  }

  private openOne(session: Session, request: SubscriptionRequest): OpenQuery {
    const { query, intervalMs } = request;
    assertMaySubscribe(session.identity.caller, request);
    const held = this.bySession.get(session) ?? [];
    if (held.length >= QUERIES_PER_CONNECTION) {
      throw new DomainError('limit_exceeded', `A connection may hold ${QUERIES_PER_CONNECTION} live queries.`);
    }
    if (!this.runner) throw new DomainError('unavailable', 'Live queries are not served here.', { field: 'type' });
    const handle = this.runner.open(query, session.identity.caller, intervalMs === undefined ? {} : { intervalMs });
    const info: SubscriptionInfo = {
      id: `q${++this.opened}`,
      type: 'query',
      ...(intervalMs !== undefined && { intervalMs }),
    };
    const opened = { info, handle };
    this.bySession.set(session, [...held, opened]);
    return opened;
  }
}

/** A client may continue from any cursor it sees, so a result never names a position its events have not reached. */
function older(position: string, sent: string): string {
  return position.slice(0, position.indexOf('-')) === sent.slice(0, sent.indexOf('-')) && position < sent
    ? position
    : sent;
}
