import { Injectable } from '@nestjs/common';
import { EventFeed, EventLog, type LogEvent } from '../../events/index.js';

/** The log from any position on: out of memory where the feed has it, else from the database. */
@Injectable()
export class LogRows {
  constructor(
    private readonly log: EventLog,
    private readonly feed: EventFeed,
  ) {}

  /** Up to `limit` rows after a position; fewer mean that there are no more right now. */
  async after(seq: number, limit: number): Promise<readonly LogEvent[]> {
    return this.feed.recent(seq, limit) ?? (await this.log.read(seq, limit));
  }

  /** Calls `more` when rows have come and `anew` when the log began a new epoch, until the returned function is called. */
  watch(more: () => void, anew: () => void): () => void {
    const ends = [this.feed.subscribe(more), this.feed.onEpochChange(anew)];
    return () => ends.forEach((end) => end());
  }
}
