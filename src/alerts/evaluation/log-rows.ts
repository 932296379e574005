import { Injectable } from '@nestjs/common';
import { EventFeed, EventLog, type LogEvent } from '../../events/index.js';

/** Log from any position: from the memory of the feed, or else from the database. */
@Injectable()
export class LogRows {
  constructor(
    private readonly log: EventLog,
    private readonly feed: EventFeed,
  ) {}

  /** Returns up to `limit` rows after a position, and whether there may be more. */
  async after(seq: number, limit: number): Promise<{ events: readonly LogEvent[]; hasMore: boolean }> {
    const events = this.feed.recent(seq, limit);
    return events === undefined ? this.log.readPage(seq, limit) : { events, hasMore: events.length === limit };
  }

  /**
   * Calls `more` when rows have arrived and `anew` when the log has begun a new epoch, until the returned function is
   * called.
   */
  subscribe(more: () => void, anew: () => void): () => void {
    const ends = [this.feed.subscribe(more), this.feed.onEpochChange(anew)];
    return () => ends.forEach((end) => end());
  }
}
