import { formatCursor, parseCursor } from '../../events/index.js';
import type { DeliveryMode } from './session-calls.js';
import type { Session } from './session.js';
import type { Subscription, SubscriptionRequest } from './subscription.js';

/** A replay that a subscription began with. */
export interface KeptReplay {
  /** Rises with every replay of the session and of those it goes on with. */
  readonly number: number;
  /** The session was gone on with: whatever position the client named since is one of the replay, or newer. */
  readonly isReturn: boolean;
  /** Where the log stood when it was answered; absent until then. */
  until?: number;
}

export interface KeptSubscription {
  readonly id: string;
  readonly order: number;
  /** Events after this position are due to the client. */
  readonly from: number;
  readonly replay?: KeptReplay;
  readonly request: SubscriptionRequest;
}

/** What a session held: enough to go on from whatever position its client names. */
export interface KeptSession {
  readonly epoch: string;
  /** The position that the client named when it connected: until it names another it got nothing. */
  readonly offset?: string;
  readonly replays: number;
  /** The earliest position that a change names which waits for a replay to end. */
  readonly floor?: number;
  readonly mode: DeliveryMode;
  readonly intervalMs: number;
  readonly subscriptions: readonly KeptSubscription[];
  readonly queries: readonly SubscriptionRequest[];
}

/** The newest position that a client got, as it names it. */
export interface ResumeOffset {
  readonly text: string;
  readonly epoch: string;
  readonly seq: number;
  /** Replays up to this number have arrived; 0: cannot be said. */
  readonly replays: number;
}

const OFFSET = /^([^/]{1,40})(?:\/(\d{1,9}))?$/;

export function formatOffset(cursor: string, replays: number): string {
  return `${cursor}/${replays}`;
}

/** What socket.io-client names by itself. Never throws; undefined for what is no position. */
export function parseOffset(value: unknown): ResumeOffset | undefined {
  if (typeof value !== 'string') return undefined;
  const [, cursor, replays] = OFFSET.exec(value) ?? [];
  const position = parseCursor(cursor);
  return position && { text: value, ...position, replays: Number(replays ?? 0) };
}

/** What a client names as its `since`: it knows what it got, answers included. */
export function parseSince(value: unknown): ResumeOffset | undefined {
  const position = parseCursor(value);
  return position && { text: String(value), ...position, replays: Infinity };
}

/** The session as JSON; undefined when it holds nothing. The requests' own text is made once. */
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
 * From where a subscription goes on for a client that got everything up to `offset`. A client may have got less than was
 * written to it, and a replay moves its position back: one that it cannot have the answer of begins again.
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

/** The cursor before the first event that is due. */
export function sinceOf(session: KeptSession, offset: ResumeOffset | undefined, starts: Iterable<number>): string {
  if (offset && offset.epoch !== session.epoch) return formatCursor(offset.epoch, offset.seq);
  return formatCursor(session.epoch, Math.min(...starts));
}
