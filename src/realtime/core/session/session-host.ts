import type { DeliveredEvent, EncodedEvent } from '../wire/encoded-event.js';
import type { LiveQueries } from './live-queries.js';
import type { RealtimeLimits } from './realtime-limits.js';
import type { Session } from './session.js';
import type { SharedReads } from './shared-reads.js';
import type { PublishedValues } from './snapshot.js';
import type { RealtimeObserver, RecentEvents } from './log-ports.js';
import type { Subscription } from './subscription.js';

/** Stores sessions, so that another connection of the same client can continue them. */
export interface SessionKeeper {
  /** Resolves when the change is stored, or after a short timeout. */
  changed(session: Session): Promise<void>;
  ended(session: Session): void;
}

/** Services of the hub for its sessions. */
export interface SessionHost {
  readonly limits: RealtimeLimits;
  readonly epoch: string;
  /** Seq of the newest event that has been routed to live sessions. */
  readonly position: number;
  readonly recent: RecentEvents;
  readonly stored: SharedReads;
  readonly published: PublishedValues;
  readonly observer: RealtimeObserver;
  readonly queries: LiveQueries;
  /** Store of sessions for reconnecting clients; undefined if there is none. */
  readonly keeper: SessionKeeper | undefined;
  /** Returns Unix milliseconds, for times shown to clients. */
  now(): number;
  /** Returns monotonic milliseconds, for waits and durations. */
  elapsed(): number;
  /** Returns the encoded event; undefined for an invalid row. */
  encode(event: DeliveredEvent): EncodedEvent | undefined;
  /** Includes the subscription in routing from now on. */
  register(subscription: Subscription): void;
  unregister(subscription: Subscription): void;
  /** Marks a session after its link was written to: the next tick checks the link's backlog. */
  trackBacklog(session: Session): void;
  modeChanged(session: Session): void;
  /** Applies a change of the session's caller: different rights or a different expiry. */
  callerChanged(session: Session): void;
  forget(session: Session): void;
}
