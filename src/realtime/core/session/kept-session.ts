import { formatCursor, parseCursor } from '../../../events/index.js';
import type { DeliveryMode } from './session-calls.js';
import type { SessionIdentity } from './session-identity.js';
import type { SubscriptionRequest } from '../filter/subscription-request.js';

/** Replay with which a subscription began. */
export interface KeptReplay {
  /** Number of the replay; increases over a session and the sessions that continue it. */
  readonly number: number;
  /**
   * Whether the replay continued an earlier session: any other position that the client names later is then one that it
   * received from this replay or after it.
   */
  readonly isReturn: boolean;
  /** Position of the log when the replay was answered; absent until then. */
  until?: number;
}

export interface KeptSubscription {
  readonly id: string;
  readonly order: number;
  /** Position after which the client is still to receive events. */
  readonly from: number;
  readonly replay?: KeptReplay;
  readonly request: SubscriptionRequest;
}

/** Stored state of a session. Another connection continues from it, at any position that its client names. */
export interface KeptSession {
  readonly epoch: string;
  /**
   * Position that the client named when it connected. If the client names the same position again, it has received
   * nothing since.
   */
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
  /** Number of the last replay that the client has received completely; 0: unknown. */
  readonly replays: number;
}

const OFFSET = /^([^/]{1,40})(?:\/(\d{1,9}))?$/;

export function formatOffset(cursor: string, replays: number): string {
  return `${cursor}/${replays}`;
}

/**
 * Parses the offset that socket.io-client sends by itself. Never throws; undefined for anything that is not a position.
 */
export function parseOffset(value: unknown): ResumeOffset | undefined {
  if (typeof value !== 'string') return undefined;
  const [, cursor, replays] = OFFSET.exec(value) ?? [];
  const position = parseCursor(cursor);
  return position && { text: value, ...position, replays: Number(replays ?? 0) };
}

/**
 * Parses a client's `since`. Such a client tracks its position itself, including answers, so all replays count as
 * received.
 */
export function parseSince(value: unknown): ResumeOffset | undefined {
  const position = parseCursor(value);
  return position && { text: String(value), ...position, replays: Infinity };
}

/** Subscription with its request as JSON. */
type KeepableSubscription = Omit<KeptSubscription, 'request'> & { readonly requestText: string };

/** Members of a session that are stored. */
interface KeepableSession {
  readonly subscriptions: ReadonlyMap<string, KeepableSubscription>;
  readonly asked: Pick<KeptSession, 'mode' | 'intervalMs'>;
  readonly identity: SessionIdentity;
  readonly changes: Pick<KeptSession, 'replays' | 'floor'>;
}

/**
 * Returns the session as JSON; undefined if it has neither subscriptions nor queries. The JSON of each request is built
 * once.
 */
export function keptText(
  session: KeepableSession,
  epoch: string,
  queries: readonly SubscriptionRequest[],
): string | undefined {
  const { subscriptions, asked, identity, changes } = session;
  if (subscriptions.size === 0 && queries.length === 0) return undefined;
  const { offset } = identity.resume ?? {};
  const head = JSON.stringify({ epoch, offset, replays: changes.replays, floor: changes.floor, ...asked, queries });
  return `${head.slice(0, -1)},"subscriptions":[${[...subscriptions.values()].map(keptSubscription).join()}]}`;
}

function keptSubscription({ id, order, from, replay, requestText }: KeepableSubscription): string {
  return `${JSON.stringify({ id, order, from, replay }).slice(0, -1)},"request":${requestText}}`;
}

/**
 * Returns the position from which a subscription continues for a client that has received everything up to `offset`. A
 * replay sends older events than those sent before it, so the newest received position alone does not show how much of
 * the replay has arrived: a replay whose answer cannot have arrived starts again.
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

/** Returns the cursor before the first event that the client is still to receive. */
export function sinceOf(session: KeptSession, offset: ResumeOffset | undefined, starts: Iterable<number>): string {
  if (offset && offset.epoch !== session.epoch) return formatCursor(offset.epoch, offset.seq);
  return formatCursor(session.epoch, Math.min(...starts));
}
