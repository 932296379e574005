import type { DeliveredEvent, EncodedEvent } from './encoded-event.js';
import type { LiveQueries } from './live-queries.js';
import type { RealtimeLimits } from './realtime-limits.js';
import type { Session } from './session.js';
import type { PublishedValues } from './snapshot.js';
import type { RealtimeObserver, RecentEvents, StoredEvents } from './sources.js';
import type { Subscription } from './subscription.js';

/** Keeps what sessions hold, so that another connection of the client can go on with it. */
export interface SessionKeeper {
  /** Resolves when it is kept, or after a short while. */
  changed(session: Session): Promise<void>;
  ended(session: Session): void;
}

/** What the hub offers to its sessions. */
export interface SessionHost {
  readonly limits: RealtimeLimits;
  readonly epoch: string;
  /** Newest seq that has been routed to live sessions. */
  readonly position: number;
  readonly recent: RecentEvents;
  readonly stored: StoredEvents;
  readonly published: PublishedValues;
  readonly observer: RealtimeObserver;
  readonly queries: LiveQueries;
  /** Keeps what sessions hold for their clients' return; undefined where nobody does. */
  readonly keeper: SessionKeeper | undefined;
  /** Unix milliseconds, for what clients are shown. */
  now(): number;
  /** Milliseconds that never jump, for what waits or lasts. */
  elapsed(): number;
  /** The event ready to be sent; undefined for a row that cannot be shown. */
  encode(event: DeliveredEvent): EncodedEvent | undefined;
  /** The subscription takes part in routing from now on. */
  register(subscription: Subscription): void;
  unregister(subscription: Subscription): void;
  /** Bytes went to the session's link: look at it at the next beat. */
  watch(session: Session): void;
  modeChanged(session: Session): void;
  /** Its caller is another one now: other rights, another end. */
  callerChanged(session: Session): void;
  forget(session: Session): void;
}
