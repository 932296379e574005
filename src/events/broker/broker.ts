import type { CursorPosition } from '../core/cursor.js';
import type { LogEvent } from '../core/log-event.js';

/**
 * Receives a batch. `through` is the newest seq that the batch covers if that is not its last row's: rows for a single user do
 * not travel and are read from the log.
 */
export type BatchListener = (batch: readonly LogEvent[], through?: number) => void;

/**
 * Carries batches of the log from the sequencer to every pod. It may lose, repeat or reorder them: the log is the truth, and
 * each pod's EventFeed reads from it what did not arrive.
 */
export abstract class Broker {
  /** Resolves when the batch has been handed over; rejects when it could not be, which only delays delivery. */
  abstract publish(batch: readonly LogEvent[]): Promise<void>;
  /** Returns the function that ends the subscription. */
  abstract subscribe(listener: BatchListener): () => void;
  abstract close(): Promise<void>;

  /**
   * Returns the furthest position published by any process; undefined if unknown. A broker of one process has no memory that
   * outlives it. Never rejects.
   */
  furthest(): Promise<CursorPosition | undefined> {
    return Promise.resolve(undefined);
  }

  /**
   * Records the position at which a leader begins, in an epoch that `furthest` may not know yet. Never rejects, and is not
   * waited for.
   */
  begin(_head: CursorPosition): void {}
}
