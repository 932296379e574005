import { describe, expect, it } from 'vitest';
import type { Caller } from '../../../access/index.js';
import { EventLog, type LogBounds } from '../../log/event-log.js';
import { formatCursor } from '../../core/cursor.js';
import { EventLookups } from './event-lookups.js';

const EPOCH = 'e0a3c53173';
const caller = { userId: 'u', role: 'reader' } as Caller;

/** A log whose oldest rows are dropped while a page is read. */
class DroppingLog extends EventLog {
  private firstSeq = 1;

  constructor() {
    super(undefined as never);
  }

  override async bounds(): Promise<LogBounds> {
    return { epoch: EPOCH, firstSeq: this.firstSeq, headSeq: 200, epochStartSeq: 0 };
  }

  override async readPage() {
    this.firstSeq = 101;
    return { events: [], hasMore: false };
  }
}

describe('a page of the event log', () => {
  it('is refused if rows after its cursor were dropped while it was read', async () => {
    const page = new EventLookups(new DroppingLog()).read(
      { since: formatCursor(EPOCH, 50), limit: 10 } as never,
      caller,
    );
    await expect(page).rejects.toMatchObject({
      message: expect.stringContaining('the events after the cursor are no longer kept'),
    });
  });

  it('is answered if its rows are still there', async () => {
    const page = await new EventLookups(new DroppingLog()).read(
      { since: formatCursor(EPOCH, 100), limit: 10 } as never,
      caller,
    );
    expect(page).toEqual({ data: [], page: { next_cursor: formatCursor(EPOCH, 200), has_more: false } });
  });
});
