import type { Caller } from '../../../access/index.js';
import { DomainError, type SocketError } from '../../../platform/errors/domain-error.js';
import type { ClientLink } from '../wire/link.js';
import type { SessionIdentity } from './session-identity.js';
import type { SharedMessage } from '../wire/shared-message.js';
import { assertMaySubscribe } from './subscription-rights.js';
import type { SubscriptionRequest, SubscriptionSelector } from '../filter/subscription-request.js';
import type { SubscriptionInfo } from './session-calls.js';

/** Body of `query_result` and `query_change`; `cursor` is the position of the log at which the rows were read. */
export interface LiveQueryBody {
  readonly subscriptionId: string;
  readonly cursor: string;
}

/** Receiver of a live query's messages. */
export interface LiveQuerySink {
  send(message: SharedMessage<LiveQueryBody>): void;
  /**
   * Whether the client reads too slowly: a change sent now would only wait. The runner checks again later, or sends a
   * full result.
   */
  isBehind(): boolean;
  /** Ends a query that can never succeed unless the client changes it; the client receives an `error`. */
  fail(error: SocketError): void;
}

export interface LiveQueryOptions {
  /** Minimum time between two changes, ms; default: the runner's. */
  intervalMs?: number;
}

/** One live query of one connection. */
export interface LiveQueryHandle {
  /** Id of the query: equal for equal queries, options and rights. */
  readonly id: string;
  /** Sends the result, then its changes. */
  start(sink: LiveQuerySink): void;
  close(): void;
}

/** Runner of live queries. Provided by the query module, which is above this one. */
export abstract class LiveQueryRunner {
  /** @throws {DomainError} `invalid_request` or `limit_exceeded`: the query cannot be run. */
  abstract open(query: unknown, caller: Caller, options: LiveQueryOptions): LiveQueryHandle;
}

/** Connection that has live queries. */
export interface QueryClient {
  readonly identity: SessionIdentity;
  readonly link: ClientLink;
  readonly cursor: string;
  /** Whether it has more unsent data than it may have. */
  isBehind(): boolean;
  noteMessageSent(): void;
}

interface OpenQuery {
  readonly request: SubscriptionRequest;
  readonly info: SubscriptionInfo;
  readonly handle: LiveQueryHandle;
}

/** Maximum number of live queries per connection: unlike a filter, each live query puts load on the database. */
const QUERIES_PER_CONNECTION = 20;

/**
 * Live queries of all connections of this process: subscriptions that the query module serves instead of the filter
 * index.
 */
export class LiveQueries {
  private readonly bySession = new Map<QueryClient, OpenQuery[]>();

  constructor(private readonly runner: LiveQueryRunner) {}

  /**
   * Opens all queries or none; `all` has one entry per request. Sends nothing before `start`. For a query that the
   * connection already has, it returns the existing entry.
   */
  open(session: QueryClient, requests: readonly SubscriptionRequest[]): { all: OpenQuery[]; fresh: OpenQuery[] } {
    const fresh: OpenQuery[] = [];
    try {
      const all = requests.map((request) => {
        const made = this.make(session, request);
        const known = this.of(session).find(({ info }) => info.id === made.info.id);
        if (known) return known;
        if (this.of(session).length >= QUERIES_PER_CONNECTION) {
          throw new DomainError(
            'limit_exceeded',
            `A connection must have at most ${QUERIES_PER_CONNECTION} live queries.`,
          );
        }
        this.bySession.set(session, [...this.of(session), made]);
        fresh.push(made);
        return made;
      });
      return { all, fresh };
    } catch (error) {
      this.close(session, fresh);
      throw error;
    }
  }

  start(session: QueryClient, queries: readonly OpenQuery[]): void {
    for (const query of queries) {
      const { id } = query.info;
      query.handle.start({
        send: (message) => send(session, message),
        isBehind: () => session.isBehind(),
        fail: (error) => {
          this.close(session, [query]);
          session.link.sendMessage('error', { ...error, subscriptionId: id });
        },
      });
    }
  }

  get total(): number {
    let total = 0;
    for (const open of this.bySession.values()) total += open.length;
    return total;
  }

  count(session: QueryClient): number {
    return this.of(session).length;
  }

  held(session: QueryClient): readonly OpenQuery[] {
    return this.of(session);
  }

  list(session: QueryClient): SubscriptionInfo[] {
    return this.of(session).map(({ info }) => info);
  }

  /** Removes the live queries that a selector matches. Selectors with members other than id, type and query match none. */
  remove(session: QueryClient, { id, type, query, ...rest }: SubscriptionSelector): SubscriptionInfo[] {
    if (Object.values(rest).some((value) => value !== undefined)) return [];
    const named = this.of(session).filter(
      ({ info }) =>
        (id === undefined || info.id === id) &&
        (type === undefined || type === 'query') &&
        (query === undefined || info.id === this.handleOf(session, query, info.intervalMs).id),
    );
    this.close(session, named);
    return named.map(({ info }) => info);
  }

  close(session: QueryClient, queries: readonly OpenQuery[] = this.of(session)): void {
    const left = this.of(session).filter((query) => !queries.includes(query));
    if (left.length > 0) this.bySession.set(session, left);
    else this.bySession.delete(session);
    for (const { handle } of queries) handle.close();
  }

  private of(session: QueryClient): readonly OpenQuery[] {
    return this.bySession.get(session) ?? NONE;
  }

  private make(session: QueryClient, request: SubscriptionRequest): OpenQuery {
    const { query, intervalMs } = request;
    assertMaySubscribe(session.identity.caller, request);
    const handle = this.handleOf(session, query, intervalMs);
    return { request, handle, info: { id: handle.id, type: 'query', ...(intervalMs !== undefined && { intervalMs }) } };
  }

  private handleOf(session: QueryClient, query: unknown, intervalMs: number | undefined): LiveQueryHandle {
    return this.runner.open(query, session.identity.caller, intervalMs === undefined ? {} : { intervalMs });
  }
}

const NONE: readonly OpenQuery[] = [];

/**
 * Sends a message with a cursor that the connection has already reached, because a client may resume from any cursor that
 * it receives. If the message's cursor is ahead of the connection, the message carries the connection's cursor instead.
 */
function send(session: QueryClient, message: SharedMessage<LiveQueryBody>): void {
  const { cursor } = message.body;
  const sent = session.cursor;
  const isAhead = cursor.slice(0, cursor.indexOf('-')) === sent.slice(0, sent.indexOf('-')) && cursor > sent;
  if (isAhead) session.link.sendMessage(message.name, { ...message.body, cursor: sent });
  else session.link.sendShared(message);
  session.noteMessageSent();
}
