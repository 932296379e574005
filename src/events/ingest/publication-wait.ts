import { Injectable } from '@nestjs/common';
import { EventLog } from '../capture/event-log.js';
import { Sequencer } from '../capture/sequencer.js';
import { formatCursor } from '../core/cursor.js';

/** Maximum age of the outbox before writes are refused, ms. */
const MAX_WAIT_MS = 10_000;

/** Turns committed transactions into the position of the log at or after all their publications. */
@Injectable()
export class PublicationWait {
  constructor(
    private readonly log: EventLog,
    private readonly sequencer: Sequencer,
  ) {}

  /**
   * Returns the cursor, or null when the log did not get that far in 10 s. Without a transaction: the log's present position.
   * `since`: the first of several transactions, of which `transaction` is the last.
   */
  async cursorAfter(transaction: string | undefined, since = transaction): Promise<string | null> {
    if (transaction !== undefined) this.sequencer.ring();
    const bounds =
      transaction === undefined ? await this.log.bounds() : await this.log.settled(transaction, MAX_WAIT_MS, since);
    return bounds === undefined ? null : formatCursor(bounds.epoch, bounds.headSeq);
  }
}
