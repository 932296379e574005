import { formatCursor, type LogEvent } from '../../../events/index.js';
import type { Caller } from '../../../access/index.js';
import { runFor } from '../../../platform/fairness/working-for.js';
import { isoTime } from '../../../platform/input/time.js';
import { takeOver } from './caller-change.js';
import type { CatchUp } from './catch-up.js';
import type { EncodedEvent } from '../wire/encoded-event.js';
import { matches } from '../filter/filter.js';
import { LatestDelivery } from './latest-delivery.js';
import type { ClientLink, CloseReason } from '../wire/link.js';
import { LATEST_INTERVAL } from './realtime-limits.js';
import { SessionChanges } from './session-changes.js';
import type { SessionHost } from './session-host.js';
import { formatOffset, type KeptSession, type ResumeOffset } from './kept-session.js';
import type {
  DeliveryMode,
  SubscribeAnswer,
  SubscribeOptions,
  UnsubscribeAnswer,
  Recovery,
  SubscriptionInfo,
} from './session-calls.js';
import { connectionInfo, greeting, type ConnectionInfo, type SessionIdentity } from './session-identity.js';
import { SubscriptionBook } from './subscription-book.js';
import { namesOf, type Subscriber, type Subscription } from './subscription.js';
import type { SubscriptionRequest, SubscriptionSelector } from '../filter/subscription-request.js';

/** One connection: its subscriptions, its position in the log, and its delivery mode. */
export class Session implements Subscriber {
  readonly connectedAt: number;
  lastActivity: number;
  mode: DeliveryMode = 'all';
  ended = false;
  /** Whether the client itself ended the connection; the session is then not stored. */
  hasLeft = false;
  /** Position up to which the client has seen the log, possibly from a process that is ahead of this one. */
  knownTo = 0;
  /** Time since which the link is above the soft mark, ms; 0: not slow. */
  slowSince = 0;
  /** Whether the session is already on the hub's list of links to check. */
  isBacklogTracked = false;

  /** Client, rights and expiry; rights and expiry may change while the client is connected. */
  identity: SessionIdentity;
  /** Mode that the client asked for; a slow reader's mode may differ from it. */
  asked: { mode: DeliveryMode; intervalMs: number } = { mode: 'all', intervalMs: LATEST_INTERVAL.default };

  readonly book: SubscriptionBook;
  readonly changes: SessionChanges<Session>;
  private readonly latest: LatestDelivery;
  private catchUp: CatchUp | undefined;
  // Matches of the event being routed; the first has a field of its own, so that a single match allocates nothing.
  private markedSeq = -1;
  private firstMatch: Subscription | undefined;
  private moreMatches: Subscription[] | undefined;

  constructor(
    readonly id: string,
    readonly link: ClientLink,
    identity: SessionIdentity,
    private readonly host: SessionHost,
  ) {
    this.identity = identity;
    this.connectedAt = host.now();
    this.lastActivity = this.connectedAt;
    this.book = new SubscriptionBook(this, host);
    this.changes = new SessionChanges(this, host);
    this.latest = new LatestDelivery(link, host, () => host.trackBacklog(this));
  }

  get subscriptions(): ReadonlyMap<string, Subscription> {
    return this.book.byId;
  }

  /** Number of subscriptions, live queries included. */
  get size(): number {
    return this.book.byId.size + this.host.queries.count(this);
  }

  get isCatchingUp(): boolean {
    return this.catchUp !== undefined;
  }

  /** Cursor from which the client may continue: everything before it has been given to the link. */
  get cursor(): string {
    if (this.catchUp) return this.catchUp.cursor;
    return formatCursor(this.host.epoch, Math.max(this.latest.sentTo ?? this.host.position, this.knownTo));
  }

  /** Adds subscriptions as one change. With `since`, the answer is sent after the missed events. */
  subscribe(requests: readonly SubscriptionRequest[], options: SubscribeOptions = {}): Promise<SubscribeAnswer> {
    return this.changes.subscribe(requests, options);
  }

  /** Continues another connection of the same client from the client's position. */
  resume(kept: KeptSession, offset: ResumeOffset | undefined): Promise<SubscribeAnswer> {
    return this.changes.resume(kept, offset);
  }

  /** Removes every subscription the selector names. */
  unsubscribe(selector: SubscriptionSelector): Promise<UnsubscribeAnswer> {
    return this.changes.unsubscribe(selector);
  }

  /**
   * Replaces the filters of the subscriptions that the selector names, from now on; they keep their ids. Without a filter only
   * the mode changes.
   */
  updateFilters(
    selector: SubscriptionSelector,
    filter: SubscriptionRequest['filter'] | undefined,
    options: Pick<SubscribeOptions, 'mode' | 'intervalMs'> = {},
  ): Promise<SubscribeAnswer> {
    return this.changes.updateFilters(selector, filter, options);
  }

  list(): SubscriptionInfo[] {
    return [...this.book.describe(), ...this.host.queries.list(this)];
  }

  info(): ConnectionInfo {
    return connectionInfo(this, this.size);
  }

  /** Sends `connected`: id, position, rights and limits; sent again when these change. */
  greet(cursor: string = this.cursor): void {
    this.link.sendMessage('connected', greeting(this, cursor, this.host.now()));
  }

  /**
   * Applies changed rights, limits or expiry of the same user: subscriptions that are no longer allowed end, the others
   * continue.
   */
  changeCaller(caller: Caller): void {
    if (!this.ended) takeOver(this, this.host, caller);
  }

  /**
   * Sends a heartbeat with the number of the last replay. It confirms that the client has received all events of the
   * replays: the position in their answers alone cannot show this.
   */
  confirmReplays(): void {
    const { replays, isUnconfirmed } = this.changes;
    if (!isUnconfirmed || this.ended || this.isCatchingUp || this.identity.resume === undefined) return;
    this.changes.isUnconfirmed = false;
    const { cursor } = this;
    const timestamp = isoTime(this.host.now());
    this.link.sendMessage('heartbeat', { cursor, timestamp }, formatOffset(cursor, replays));
  }

  /** Records activity of the client. */
  touch(): void {
    this.lastActivity = this.host.now();
  }

  /** Ends the connection. The client receives the reason and its cursor. */
  close(reason: CloseReason, message?: string): void {
    if (this.ended) return;
    const cursor = this.cursor;
    if (reason === 'slow_consumer') this.host.observer.slowConsumer('closed');
    this.end();
    this.link.close(reason, cursor, message);
  }

  /** Ends a connection whose client has reconnected; the new connection continues its subscriptions. */
  supersede(): void {
    this.close('replaced', 'The client has reconnected over another connection.');
  }

  /** Releases the session; transports call it when their socket has ended, for any reason. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.host.keeper?.ended(this);
    this.book.clear();
    this.host.queries.close(this);
    this.host.forget(this);
  }

  /**
   * Marks that `event` matches one of the session's subscriptions. Returns true for the first match of an event; the
   * caller then adds the session to the receivers.
   */
  markMatch(subscription: Subscription, event: LogEvent): boolean {
    if (this.catchUp !== undefined || subscription.coveredFrom >= event.seq) return false;
    if (this.markedSeq === event.seq) {
      (this.moreMatches ??= []).push(subscription);
      return false;
    }
    this.markedSeq = event.seq;
    this.firstMatch = subscription;
    this.moreMatches = undefined;
    return true;
  }

  /** Sends the event that was just marked, once, under all names that matched. */
  deliverMarked(encoded: EncodedEvent): void {
    const { firstMatch, moreMatches } = this;
    if (!firstMatch) return;
    this.deliver(encoded, moreMatches ? namesOf([firstMatch, ...moreMatches]) : firstMatch.names);
  }

  /** Sends one event at once, or adds it to the buffer of `latest`. */
  deliver(encoded: EncodedEvent, names: readonly string[]): void {
    if (this.latest.add(encoded.event, names)) return;
    this.link.sendEvent(encoded, names);
    if (!this.isBacklogTracked) this.host.trackBacklog(this);
  }

  /** Returns the names of the session's subscriptions that a missed or live event reaches; empty: none. */
  namesFor(event: LogEvent, among: Iterable<Subscription> = this.book.byId.values()): readonly string[] {
    const found: Subscription[] = [];
    for (const subscription of among) {
      if (subscription.covers(event.seq) && this.reaches(subscription, event)) found.push(subscription);
    }
    return found.length === 1 && found[0] ? found[0].names : namesOf(found);
  }

  /** Whether the subscription matches the event and its client may see it. Rows with an owner reach that user only. */
  reaches(subscription: Subscription, event: LogEvent): boolean {
    const { caller } = this.identity;
    if (event.owner !== null && event.owner !== caller.userId && !subscription.filter.all) return false;
    return matches(subscription.filter, event);
  }

  /** Records that a message other than an event was written to the link. */
  noteMessageSent(): void {
    if (!this.isBacklogTracked) this.host.trackBacklog(this);
  }

  /** Whether the unsent bytes exceed a mark, by default the soft one. */
  isBehind(mark: 'softMarkBytes' | 'hardMarkBytes' = 'softMarkBytes'): boolean {
    return this.link.bufferedBytes() >= this.host.limits[mark];
  }

  /**
   * Sends the events waiting in `latest` mode if the interval is over and the link has room, until `isOver`. Returns whether it
   * has sent any.
   */
  flushIfDue(elapsed: number, isOver: () => boolean): boolean {
    if (this.catchUp || this.ended || !this.latest.isDue(elapsed)) return false;
    if (this.latest.size > this.host.limits.latestKeys) this.close('slow_consumer');
    if (this.ended || this.isBehind()) return false;
    return this.latest.sendDue(elapsed, isOver) > 0;
  }

  /**
   * Sends the events waiting in `latest` mode at a change of subscriptions. The reply's cursor is then the position of the change,
   * and no event that only the previous filters matched follows the reply. A slow reader gets the events later.
   */
  flushBeforeReply(): void {
    if (!this.isBehind()) this.flushLatest();
  }

  /** Like `flushLatest`, in turns if many events wait, as long as the link has room; before mode `all` also to a full link. */
  flushInSlices(mode?: DeliveryMode): Promise<number> {
    return this.latest.sendInSlices(() => !this.ended && (mode === 'all' || !this.isBehind()));
  }

  /** Sends the waiting events now and returns their number. */
  flushLatest(): number {
    return this.latest.flush();
  }

  /** Sets the delivery mode that the client requested. */
  setMode({ mode, intervalMs }: Pick<SubscribeOptions, 'mode' | 'intervalMs'>): void {
    if (mode === undefined && intervalMs === undefined) return;
    this.asked = { mode: mode ?? this.asked.mode, intervalMs: intervalMs ?? this.asked.intervalMs };
    this.deliverBy(mode ?? this.mode);
  }

  /** Changes the delivery mode; a slow reader is set to `latest` regardless of the mode that it requested. */
  deliverBy(mode: DeliveryMode): void {
    this.mode = mode;
    if (mode === 'all') this.latest.end();
    else this.latest.start(this.asked.intervalMs);
    this.host.modeChanged(this);
  }

  /** Restarts at the beginning of a new log: clients cannot resume from earlier positions. */
  startOver(position: number): void {
    this.flushLatest();
    for (const subscription of this.book.byId.values()) subscription.beginAt(position);
    this.catchUp?.startOver(position);
    this.knownTo = 0;
    this.markedSeq = -1;
  }

  /** Runs a catch-up; until its end the session receives no live events. */
  follow(catchUp: CatchUp): Promise<Recovery> {
    this.catchUp = catchUp;
    const { keyId, userId, role } = this.identity.caller;
    return runFor(keyId, () => catchUp.run(), { id: userId, role });
  }

  /** Returns to live delivery; called by the catch-up in the turn in which it reaches the live position. */
  goLive(): void {
    this.catchUp = undefined;
  }
}
