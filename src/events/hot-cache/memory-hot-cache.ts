import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import type { LogEvent } from '../core/log-event.js';
import { EventFeed } from '../feed/event-feed.js';
import { CACHE_TTL_MS, cacheKeys, HotCache, type CachedValue } from './hot-cache.js';
import { publishedChange } from './published-change.js';
import { PublishedState } from './published-state.js';

/**
 * Hot cache of a single process. It reads values from the published state, so they are never older than that state, and
 * stores only when each entry expires, as in Redis. All entries exist from the start.
 */
@Injectable()
export class MemoryHotCache extends HotCache {
  private readonly ends = new Map<string, number>();

  constructor(
    published: PublishedState,
    metrics: Metrics,
    feed: EventFeed,
    private readonly clock: Clock,
  ) {
    super(published, metrics);
    feed.subscribe((batch) => this.extend(batch.flatMap(keysOf)));
  }

  protected override read(keys: readonly string[]): Promise<(CachedValue | undefined)[]> {
    const now = this.clock.now();
    const warmUntil = this.published.loadedAt + CACHE_TTL_MS;
    return Promise.resolve(
      keys.map((key) => ((this.ends.get(key) ?? warmUntil) > now ? this.published.lookUp(key) : undefined)),
    );
  }

  protected override keep(keys: readonly string[]): Promise<void> {
    this.extend(keys);
    return Promise.resolve();
  }

  private extend(keys: readonly string[]): void {
    const end = this.clock.now() + CACHE_TTL_MS;
    for (const key of keys) this.ends.set(key, end);
  }
}

/** Returns the keys whose values an event changes. */
function keysOf(event: LogEvent): string[] {
  if (event.type === 'protocol_update' && event.protocol !== null) return [cacheKeys.protocolMeta(event.protocol)];
  const change = publishedChange(event);
  if (!change) return [];
  if (change.metric === 'price') return [cacheKeys.price(change.subject)];
  return [cacheKeys.tvl(change.subject), cacheKeys.tvl(change.subject, change.chain)];
}
