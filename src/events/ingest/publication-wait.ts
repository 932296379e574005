import { Injectable } from '@nestjs/common';
import { EventLog } from '../capture/event-log.js';
import { Sequencer } from '../capture/sequencer.js';
import { formatCursor } from '../core/cursor.js';

/** As old as the outbox may get before writes are refused. */
const LONGEST_WAIT_MS = 10_000;

/** Turns committed transactions into the position of the log that all their publications are at or before. */
@Injectable()
export class PublicationWait {
  constructor(
    private readonly log: EventLog,
    private readonly sequencer: Sequencer,
  ) {}

  /**
   * The cursor, or null when the log did not get that far in 10 s. Without a transaction: where the log is now. `since`:
   * the first of several transactions, of which `transaction` is the last.
   */
  async cursorAfter(transaction: string | undefined, since = transaction): Promise<string | null> {
    if (transaction !== undefined) this.sequencer.ring();
    const bounds =
      transaction === undefined ? await this.log.bounds() : await this.log.settled(transaction, LONGEST_WAIT_MS, since);
    return bounds === undefined ? null : formatCursor(bounds.epoch, bounds.headSeq);
  }
}
