import { Injectable } from '@nestjs/common';
import type { LogEvent } from '../core/log-event.js';
import type { CacheEntry } from './cache-entry.js';

/**
 * Changes of a batch in a shared cache, for the broker that writes them. Provided later, because the published state that knows
 * them follows the feed, and the feed follows the broker.
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
