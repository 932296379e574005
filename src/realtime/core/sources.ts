import type { LogEvent } from '../../events/index.js';
import type { ReplayFailure } from './catch-up.js';

/** The gap-free stream of the log inside this process, as far as sessions need it. */
export interface RecentEvents {
  readonly epoch: string;
  /** Newest seq handed out. */
  readonly position: number;
  /** Events after `afterSeq` that are still in memory, oldest first; undefined when the first of them is not. */
  recent(afterSeq: number, limit: number): readonly LogEvent[] | undefined;
}

/** The log itself, for what has left memory. */
export interface StoredEvents {
  read(afterSeq: number, limit: number): Promise<LogEvent[]>;
  /** `firstSeq` is the oldest event still kept. */
  bounds(): Promise<{ epoch: string; firstSeq: number; headSeq: number }>;
}

/** What the hub tells about its work; metrics listen. */
export interface RealtimeObserver {
  /** An event was handed to `connections` connections; 0: nobody of this process wanted it. */
  routed(event: LogEvent, connections: number): void;
  replayed(outcome: 'recovered' | ReplayFailure | 'failed', events: number): void;
  slowConsumer(step: 'latest' | 'closed'): void;
  /** A row of the log could not be made into an event; it was left out. */
  failed(event: LogEvent, error: unknown): void;
}

export const SILENT_OBSERVER: RealtimeObserver = { routed() {}, replayed() {}, slowConsumer() {}, failed() {} };
