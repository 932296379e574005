import type { LogEvent, LogPage } from '../../../events/index.js';
import type { ReplayFailure } from './session-calls.js';

/** Stream of the log inside this process, without gaps. */
export interface RecentEvents {
  readonly epoch: string;
  /** Seq of the newest delivered event. */
  readonly position: number;
  /** Returns events after `afterSeq` that are still in memory, oldest first; undefined if the first of them is not. */
  recent(afterSeq: number, limit: number): readonly LogEvent[] | undefined;
}

/** Log in the database, for events that are no longer in memory. */
export interface StoredEvents {
  readPage(afterSeq: number, limit: number): Promise<LogPage>;
  /** Bounds of the log; `firstSeq` is the oldest event still kept. */
  bounds(): Promise<{ epoch: string; firstSeq: number; headSeq: number }>;
}

/** Observer of the hub's work, for metrics. */
export interface RealtimeObserver {
  /** Called after an event was handed to `connections` connections; 0: no connection of this process matched. */
  routed(event: LogEvent, connections: number): void;
  replayed(outcome: 'recovered' | ReplayFailure | 'failed', events: number): void;
  /** Called at the begin (1) and the end (-1) of a replay or snapshot. */
  replaying(change: 1 | -1): void;
  slowConsumer(step: 'latest' | 'closed'): void;
  /** Called for a row of the log that could not be encoded and was omitted. */
  failed(event: LogEvent, error: unknown): void;
}

export const SILENT_OBSERVER: RealtimeObserver = {
  routed() {},
  replayed() {},
  replaying() {},
  slowConsumer() {},
  failed() {},
};
