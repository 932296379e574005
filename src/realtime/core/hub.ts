import { randomUUID } from 'node:crypto';
import type { Caller } from '../../access/index.js';
import { formatCursor, isDelivered, type LogEvent } from '../../events/index.js';
import { notePresent } from '../../platform/fairness/working-for.js';
import { isoTime } from '../../platform/input/time.js';
import { EventEncoder, type DeliveredEvent, type EncodedEvent } from './wire/encoded-event.js';
import { FilterIndex } from './filter/filter-index.js';
import { HeartbeatWheel } from './heartbeat-wheel.js';
import type { ClientLink, CloseReason } from './wire/link.js';
import { LiveQueries, type LiveQueryRunner } from './session/live-queries.js';
import { REALTIME_LIMITS, type RealtimeLimits } from './session/realtime-limits.js';
import { Session } from './session/session.js';
import type { SessionHost, SessionKeeper } from './session/session-host.js';
import type { SessionIdentity } from './session/session-identity.js';
import { SessionRegistry, type Audience } from './session-registry.js';
import { SlowConsumers } from './slow-consumers.js';
import { SharedReads } from './session/shared-reads.js';
import type { PublishedValues } from './session/snapshot.js';
import { SILENT_OBSERVER, type RealtimeObserver, type RecentEvents, type StoredEvents } from './session/log-ports.js';
import type { Subscriber, Subscription } from './session/subscription.js';

/** Time of one turn of the event loop in which events are sent to connections in `latest`, ms. */
const FLUSH_TURN_MS = 4;

export interface HubParts {
  recent: RecentEvents;
  stored: StoredEvents;
  published: PublishedValues;
  queries: LiveQueryRunner;
  encoder?: EventEncoder;
  observer?: RealtimeObserver;
  limits?: Partial<RealtimeLimits>;
  /** Unix milliseconds, for times shown to clients. */
  now?: () => number;
  /** Monotonic milliseconds, for waits and durations; default: `now`, if given. */
  elapsed?: () => number;
}

/**
 * All connections of this process, whatever their transport. The hub receives the log's events in order and sends each
 * event once to every connection with a matching subscription.
 */
export class RealtimeHub implements SessionHost {
  readonly recent: RecentEvents;
  readonly stored: SharedReads;
  readonly published: PublishedValues;
  readonly observer: RealtimeObserver;
  readonly limits: RealtimeLimits;
  private readonly encoder: EventEncoder;
  readonly now: () => number;
  readonly elapsed: () => number;
  readonly sessions = new SessionRegistry();
  readonly queries: LiveQueries;

  private readonly index = new FilterIndex<Subscription>();
  private readonly wheel: HeartbeatWheel;
  private readonly slowConsumers: SlowConsumers;
  private readonly latest = new Set<Session>();
  /** Sessions that receive the current event; the array is reused for all events. */
  private readonly touched: Subscriber[] = [];
  private currentEpoch: string;
  private currentPosition: number;
  private subscribed = 0;
  /** Whether the process currently cannot follow the log; heartbeats report this. */
  stale = false;
  keeper: SessionKeeper | undefined;

  constructor(parts: HubParts) {
    this.recent = parts.recent;
    this.published = parts.published;
    this.queries = new LiveQueries(parts.queries);
    this.encoder = parts.encoder ?? new EventEncoder();
    this.observer = parts.observer ?? SILENT_OBSERVER;
    this.limits = { ...REALTIME_LIMITS, ...parts.limits };
    this.stored = new SharedReads(parts.stored, this.limits.replayChunk);
    this.now = parts.now ?? Date.now;
    this.elapsed = parts.elapsed ?? parts.now ?? (() => performance.now());
    this.currentEpoch = parts.recent.epoch;
    this.currentPosition = parts.recent.position;
    this.wheel = new HeartbeatWheel(this.limits.heartbeatMs, this.elapsed());
    this.slowConsumers = new SlowConsumers(this.limits, this.observer);
  }

  get epoch(): string {
    return this.currentEpoch;
  }

  get position(): number {
    return this.currentPosition;
  }

  /** Number of distinct filters. */
  get groupCount(): number {
    return this.index.size;
  }

  /** Number of subscriptions, live queries included. */
  get subscriptionCount(): number {
    return this.subscribed + this.queries.total;
  }

  get cursor(): string {
    return formatCursor(this.currentEpoch, this.currentPosition);
  }

  /** Opens a session for an admitted client. Its first message, `connected`, has connection id, position and limits. */
  open(link: ClientLink, identity: SessionIdentity): Session {
    const session = new Session(identity.connectionId ?? randomUUID(), link, identity, this);
    this.sessions.add(session);
    this.wheel.add(session);
    session.greet(this.cursor);
    return session;
  }

  /** Delivers the next events of the log, in order and without gaps. */
  deliver(batch: readonly LogEvent[]): void {
    for (const event of batch) {
      if (event.epoch !== this.currentEpoch) this.startEpoch(event.epoch, event.seq - 1);
      this.currentPosition = event.seq;
      if (!isDelivered(event)) continue;
      const reached = event.owner === null ? this.route(event) : this.routeOwned(event, event.owner);
      this.observer.routed(event, reached);
    }
  }

  /** Begins a new epoch after the log was restored or replaced: old cursors are invalid, clients are sent `resync`. */
  startEpoch(epoch: string, position: number): void {
    if (epoch === this.currentEpoch) return;
    this.currentEpoch = epoch;
    this.currentPosition = position;
    this.stored.clear();
    for (const session of this.sessions.all()) {
      session.startOver(position);
      session.link.sendMessage('resync', { cursor: this.cursor, reason: 'epoch' });
    }
  }

  /** Performs the timed work of all connections that is due at `elapsed`; called several times a second. */
  tick(elapsed: number = this.elapsed()): void {
    for (const session of this.wheel.due(elapsed)) this.attend(session);
    this.flushLatest(elapsed);
    this.slowConsumers.checkBacklogs(elapsed);
    for (const session of this.sessions.expired(this.now())) session.close('expired');
  }

  /**
   * Sends what is due to connections in `latest` for some milliseconds, connections in turns. Returns whether nothing more is
   * due; the rest is for the next turns of the event loop.
   */
  flushLatest(elapsed: number = this.elapsed()): boolean {
    const end = this.elapsed() + FLUSH_TURN_MS;
    const isOver = (): boolean => this.elapsed() >= end;
    for (const session of this.latest) {
      if (!session.flushIfDue(elapsed, isOver)) continue;
      // Met once more at the end, where it is no longer due.
      if (this.latest.delete(session)) this.latest.add(session);
      if (isOver()) return false;
    }
    return true;
  }

  /** Sends an announcement to everyone, a user or a room on this process. Returns the number of connections reached. */
  announce(audience: Audience, message: string): number {
    const body = { message, timestamp: isoTime(this.now()) };
    const reached = this.sessions.audience(audience);
    for (const session of reached) session.link.sendMessage('system_announcement', body);
    return reached.length;
  }

  /** Ends every connection of a key. */
  endKey(keyId: string, reason: CloseReason, message: string): number {
    const ended = this.sessions.ofKey(keyId);
    for (const session of ended) session.close(reason, message);
    return ended.length;
  }

  /** Applies the key's present rights and limits to its open connections. */
  changeKey(keyId: string, caller: Caller): void {
    for (const session of this.sessions.ofKey(keyId)) session.changeCaller(caller);
  }

  closeAll(reason: CloseReason, message?: string): void {
    for (const session of this.sessions.all()) session.close(reason, message);
  }

  /**
   * Returns the encoded event. For an invalid row it reports the error and returns undefined, so that the row does not
   * stop later events.
   */
  encode(event: DeliveredEvent): EncodedEvent | undefined {
    try {
      return this.encoder.of(event);
    } catch (error) {
      this.observer.failed(event, error);
      return undefined;
    }
  }

  register(subscription: Subscription): void {
    this.subscribed++;
    this.index.add(subscription);
    if (subscription.filter.all) this.sessions.addOverseer(subscription.session);
  }

  unregister(subscription: Subscription): void {
    this.subscribed--;
    this.index.remove(subscription);
  }

  trackBacklog(session: Session): void {
    this.slowConsumers.track(session);
  }

  modeChanged(session: Session): void {
    if (session.mode === 'latest' && !session.ended) this.latest.add(session);
    else this.latest.delete(session);
  }

  callerChanged(session: Session): void {
    this.sessions.trackExpiry(session);
  }

  forget(session: Session): void {
    this.sessions.remove(session);
    this.wheel.remove(session);
    this.latest.delete(session);
  }

  private route(event: DeliveredEvent): number {
    for (const group of this.index.match(event)) {
      for (const subscription of group.members) {
        if (subscription.session.markMatch(subscription, event)) this.touched.push(subscription.session);
      }
    }
    return this.deliverTouched(event);
  }

  /** Routes a row with an owner without the index: only the connections of its owner and of admins may receive it. */
  private routeOwned(event: DeliveredEvent, owner: string): number {
    for (const session of this.sessions.mayReceive(owner)) {
      for (const subscription of session.subscriptions.values()) {
        if (session.reaches(subscription, event) && session.markMatch(subscription, event)) this.touched.push(session);
      }
    }
    return this.deliverTouched(event);
  }

  private deliverTouched(event: DeliveredEvent): number {
    const reached = this.touched.length;
    if (reached === 0) return 0;
    notePresent('clients');
    const encoded = this.encode(event);
    if (encoded) for (const session of this.touched) session.deliverMarked(encoded);
    this.touched.length = 0;
    return encoded ? reached : 0;
  }

  private attend(session: Session): void {
    const { cursor } = session;
    const body = { cursor, timestamp: isoTime(this.now()), ...(this.stale ? { stale: true } : {}) };
    session.link.sendMessage('heartbeat', body, session.size === 0 || session.isCatchingUp ? undefined : cursor);
  }
}
