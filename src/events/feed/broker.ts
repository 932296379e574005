import type { CursorPosition } from '../core/cursor.js';
import type { LogEvent } from '../core/log-event.js';

/**
 * Receives a batch. `through` is the last seq that the batch covers, if it differs from the last row's seq: rows with an
 * owner are not in the batch and must be read from the log.
 */
export type BatchListener = (batch: readonly LogEvent[], through?: number) => void;

/**
 * Sends batches of the log from the sequencer to every process. It may lose, repeat or reorder batches: the log is
 * authoritative, and each process's EventFeed reads missing events from it.
 */
export abstract class Broker {
  /** Resolves when the batch was sent; rejects if it was not, which only delays its delivery. */
  abstract publish(batch: readonly LogEvent[]): Promise<void>;
  /** Calls the listener for each batch. Returns the function that unsubscribes it. */
  abstract subscribe(listener: BatchListener): () => void;
  abstract close(): Promise<void>;

  /**
   * Returns the highest position that any process has published; undefined if it is unknown, as in the broker of a single
   * process. Never rejects.
   */
  furthest(): Promise<CursorPosition | undefined> {
    return Promise.resolve(undefined);
  }

  /**
   * Records the position at which a new leader begins, whose epoch may be later than that of `furthest`. Errors are ignored,
   * and callers do not wait for it.
   */
  begin(_head: CursorPosition): void {}
}
