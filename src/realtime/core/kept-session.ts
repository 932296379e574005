import { formatCursor, parseCursor } from '../../events/index.js';
import type { DeliveryMode } from './session-calls.js';
import type { Session } from './session.js';
import type { Subscription, SubscriptionRequest } from './subscription.js';

/** Replay that a subscription began with. */
export interface KeptReplay {
  /** Number of the replay; rises over a session and the sessions that continue it. */
  readonly number: number;
  /**
   * Whether the replay continued an earlier session: any position that the client named since is then from this replay, or
   * newer.
   */
  readonly isReturn: boolean;
  /** Position of the log when the replay was answered; absent until then. */
  until?: number;
}

export interface KeptSubscription {
  readonly id: string;
  readonly order: number;
  /** Position after which events are due to the client. */
  readonly from: number;
  readonly replay?: KeptReplay;
  readonly request: SubscriptionRequest;
}

/** State of a session from which another connection continues at any position that its client names. */
export interface KeptSession {
  readonly epoch: string;
  /** Position that the client named when it connected; until it names another, it has received nothing since. */
  readonly offset?: string;
  readonly replays: number;
  /** Earliest `since` among the changes that wait for a replay to end. */
  readonly floor?: number;
  readonly mode: DeliveryMode;
  readonly intervalMs: number;
  readonly subscriptions: readonly KeptSubscription[];
  readonly queries: readonly SubscriptionRequest[];
}

/** Newest position that a client has received, as the client names it. */
export interface ResumeOffset {
  readonly text: string;
  readonly epoch: string;
  readonly seq: number;
  /** Number of the last replay that has arrived; 0: unknown. */
  readonly replays: number;
}

const OFFSET = /^([^/]{1,40})(?:\/(\d{1,9}))?$/;

export function formatOffset(cursor: string, replays: number): string {
  return `${cursor}/${replays}`;
}

/** Parses the offset that socket.io-client sends by itself. Never throws; undefined for anything that is no position. */
export function parseOffset(value: unknown): ResumeOffset | undefined {
  if (typeof value !== 'string') return undefined;
  const [, cursor, replays] = OFFSET.exec(value) ?? [];
  const position = parseCursor(cursor);
  return position && { text: value, ...position, replays: Number(replays ?? 0) };
}

/** Parses a client's `since`: the client knows what it has received, answers included. */
export function parseSince(value: unknown): ResumeOffset | undefined {
  const position = parseCursor(value);
  return position && { text: String(value), ...position, replays: Infinity };
}

/** Returns the session as JSON; undefined when it holds nothing. The text of each request is made once. */
export function keptText(session: Session, epoch: string, queries: readonly SubscriptionRequest[]): string | undefined {
  const { subscriptions, asked, identity, changes } = session;
  if (subscriptions.size === 0 && queries.length === 0) return undefined;
  const { offset } = identity.resume ?? {};
  const head = JSON.stringify({ epoch, offset, replays: changes.replays, floor: changes.floor, ...asked, queries });
  return `${head.slice(0, -1)},"subscriptions":[${[...subscriptions.values()].map(keptSubscription).join()}]}`;
}

function keptSubscription({ id, order, from, replay, requestText }: Subscription): string {
  return `${JSON.stringify({ id, order, from, replay }).slice(0, -1)},"request":${requestText}}`;
}

/**
 * Returns the position from which a subscription continues for a client that has received everything up to `offset`. A client
 * may have received less than was written to it, and a replay moves its position back: a replay whose answer cannot have
 * arrived begins again.
 */
export function startOf(kept: KeptSubscription, session: KeptSession, offset: ResumeOffset | undefined): number {
  const { from, replay } = kept;
  if (offset?.epoch !== session.epoch) return from;
  const further = Math.max(from, offset.seq);
  const { replays, text } = offset;
  if (replays === Infinity) return further;
  const isOver = !replay || replays >= replay.number || (replay.until !== undefined && offset.seq > replay.until);
  const start = isOver || (replay.isReturn && text !== session.offset) ? further : from;
  return session.floor === undefined ? start : Math.min(start, Math.max(from, session.floor));
}

/** Returns the cursor before the first event that is due. */
export function sinceOf(session: KeptSession, offset: ResumeOffset | undefined, starts: Iterable<number>): string {
  if (offset && offset.epoch !== session.epoch) return formatCursor(offset.epoch, offset.seq);
  return formatCursor(session.epoch, Math.min(...starts));
}
