import type { DeliveredEvent, EncodedEvent } from '../wire/encoded-event.js';
import type { RealtimeObserver, RecentEvents } from './log-ports.js';
import type { RealtimeLimits } from './realtime-limits.js';
import type { SharedReads } from './shared-reads.js';
import type { PublishedValues } from './snapshot.js';

/** Services of the hub that concern no single session: limits, clocks, the log and the published values. */
export interface LogHost {
  readonly limits: RealtimeLimits;
  readonly epoch: string;
  /** Seq of the newest event that has been routed to live sessions. */
  readonly position: number;
  readonly recent: RecentEvents;
  readonly stored: SharedReads;
  readonly published: PublishedValues;
  readonly observer: RealtimeObserver;
  /** Returns Unix milliseconds, for times shown to clients. */
  now(): number;
  /** Returns monotonic milliseconds, for waits and durations. */
  elapsed(): number;
  /** Returns the encoded event; undefined for an invalid row. */
  encode(event: DeliveredEvent): EncodedEvent | undefined;
}
