import { Injectable } from '@nestjs/common';
import { EventFeed, parseCursor } from '../../events/index.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { inputFault } from '../../platform/input/faults.js';

/** Longest wait of a query until this process has read the log up to a position, ms. */
const REACH_TIMEOUT_MS = 1_000;

/** Makes a query wait until this process has read the log up to the position in `at_least`. */
@Injectable()
export class Freshness {
  constructor(private readonly feed: EventFeed) {}

  /**
   * Waits for a position. Throws if the cursor is not one of this log, or if the position is not reached within a second.
   */
  async reach(cursor: string | undefined, signal: AbortSignal): Promise<void> {
    if (cursor === undefined) return;
    const position = parseCursor(cursor);
    if (position === undefined)
      throw this.fault(
        'invalid_cursor',
        'at_least must be a cursor from an answer, such as that of ingest; send such a cursor, or omit at_least.',
      );
    if (this.reached(position.seq) && position.epoch !== this.feed.epoch) {
      throw this.fault('cursor_expired', 'at_least belongs to another epoch of the log; omit it.');
    }
    if (!this.reached(position.seq)) await this.arrival(position.seq, signal);
  }

  private reached(seq: number): boolean {
    return this.feed.position >= seq;
  }

  private arrival(seq: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        unsubscribe();
        signal.removeEventListener('abort', leave);
      };
      const leave = (): void => {
        end();
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        end();
        const detail = 'This process has not yet read the log up to at_least; try again.';
        reject(new DomainError('unavailable', detail, { retryAfterMs: REACH_TIMEOUT_MS, field: 'at_least' }));
      }, REACH_TIMEOUT_MS);
      const unsubscribe = this.feed.subscribe(() => {
        if (!this.reached(seq)) return;
        end();
        resolve();
      });
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  private fault(code: string, detail: string): DomainError {
    return inputFault('invalid_request', '/at_least', code, detail);
  }
}
