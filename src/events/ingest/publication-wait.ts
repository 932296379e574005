import { Injectable } from '@nestjs/common';
import { EventLog } from '../log/event-log.js';
import { Sequencer } from '../capture/sequencer.js';
import { formatCursor } from '../core/cursor.js';

/** Longest wait for publications, ms; as old as the outbox may be before the gate refuses writes. */
const WAIT_TIMEOUT_MS = 10_000;

/** Waits until committed transactions are published and returns a log position at or after them. */
@Injectable()
export class PublicationWait {
  constructor(
    private readonly log: EventLog,
    private readonly sequencer: Sequencer,
  ) {}

  /**
   * Returns the cursor; null if the log did not reach the transaction within 10 s. Without a transaction, returns the
   * current position of the log. `since` is the first of several transactions, of which `transaction` is the last.
   */
  async cursorAfter(transaction: string | undefined, since = transaction): Promise<string | null> {
    if (transaction !== undefined) this.sequencer.ring();
    const bounds =
      transaction === undefined ? await this.log.bounds() : await this.log.settled(transaction, WAIT_TIMEOUT_MS, since);
    return bounds === undefined ? null : formatCursor(bounds.epoch, bounds.headSeq);
  }
}
