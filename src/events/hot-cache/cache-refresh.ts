import { Injectable } from '@nestjs/common';
import type { LogEvent } from '../core/log-event.js';
import type { CacheEntry } from './cache-entry.js';

/**
 * Cache entries of a batch, for the broker, which writes them. The function is set later by `use`: it needs the published
 * state, which depends on the feed, which depends on the broker.
 */
@Injectable()
export class CacheRefresh {
  private describe: (batch: readonly LogEvent[]) => readonly CacheEntry[] = () => [];

  use(describe: (batch: readonly LogEvent[]) => readonly CacheEntry[]): void {
    this.describe = describe;
  }

  entries(batch: readonly LogEvent[]): readonly CacheEntry[] {
    return this.describe(batch);
  }
}
