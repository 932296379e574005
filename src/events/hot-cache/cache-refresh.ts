import { Injectable } from '@nestjs/common';
import type { LogEvent } from '../core/log-event.js';
import { entriesAfter, type CacheEntry } from './cache-entry.js';
import { CurrentBook } from './current-book.js';

/** Cache entries of a batch, for the broker, which writes them in the same step that publishes the batch. */
@Injectable()
export class CacheRefresh {
  constructor(private readonly current: CurrentBook) {}

  /** Returns no entries until the book was loaded in the batch's epoch; the cache is filled after that load. */
  entries(batch: readonly LogEvent[]): readonly CacheEntry[] {
    return batch.at(-1)?.epoch === this.current.epoch ? entriesAfter(this.current.book, batch) : [];
  }
}
