import { randomUUID } from 'node:crypto';
import { Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { metricOf } from '../../platform/metrics/metric-of.js';
import type { Metrics } from '../../platform/metrics/metrics.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import type { BackgroundLoops } from '../../platform/process/background-loops.js';
import type { RedisConnections } from '../../platform/redis/redis-connections.js';
import type { EventFeed } from '../feed/event-feed.js';
import { cacheEntry, entryPosition, readEntry, type CacheEntry } from './cache-entry.js';
import { cacheKeys, HotCache, type CachedValue } from './hot-cache.js';
import type { PublishedState } from './published-state.js';
import type { RedisCacheStore } from './redis-cache-store.js';

/** Interval between two comparisons of the whole cache, ms; one process at a time does them. */
const COMPARE_INTERVAL_MS = 3_000;
/** Maximum keys of a page of a comparison, and characters of its entries: fewer keys if their values are large. */
const PAGE_SIZE = 500;
const PAGE_CHARACTERS = 128 * 1024;
/**
 * Time after a failure in which look-ups do not use Redis, ms, so that a hanging server delays only the first of them by a
 * second.
 */
const FAILURE_PAUSE_MS = 1_000;
/** Key that the comparing process holds in Redis, and the time after which the key expires, ms. */
const COMPARING = 'cache:comparing';
const COMPARISON_TTL_MS = COMPARE_INTERVAL_MS * 1.5;

interface RedisHotCacheParts {
  published: PublishedState;
  metrics: Metrics;
  redis: RedisConnections;
  store: RedisCacheStore;
  feed: EventFeed;
  loops: BackgroundLoops;
}

/**
 * Hot cache in Redis, shared by all processes and other programs. The broker updates it in the same step that publishes a
 * batch. This class reads it; fills it at the start, when Redis is available again and after it was emptied; and compares it
 * with the published state. While Redis is unavailable, values come from the published state alone.
 */
export class RedisHotCache extends HotCache implements BeforeApplicationShutdown {
  private readonly logger = new Logger('HotCache');
  private readonly id = randomUUID();
  private stopped = false;
  private readonly unsubscribe: (() => void)[];
  private readonly loop: BackgroundLoop;
  private readonly differing: Gauge;
  private filling: Promise<void> = Promise.resolve();
  private restUntil = 0;
  /** Time until which Redis should hold the key of this process, `performance.now()`; 0 if this process does not compare. */
  private holdsUntil = 0;
  /** Epoch in which keys of other epochs were last removed. */
  private tidied = '';

  constructor(private readonly parts: RedisHotCacheParts) {
    super(parts.published, parts.metrics);
    this.differing = new Gauge({
      ...metricOf('hot_cache_differences'),
      registers: [parts.metrics.registry],
    });
    this.unsubscribe = [
      parts.published.onLoaded(() => this.fill()),
      parts.redis.onState((state) => state === 'up' && this.back()),
    ];
    this.loop = parts.loops.loop({
      name: 'hot_cache_comparison',
      intervalMs: COMPARE_INTERVAL_MS,
      isDelayed: true,
      logLevel: 'debug',
      run: () => this.compareInTurn(),
    });
    this.loop.start();
  }

  /** Resolves when the last requested fill is complete, or has failed because Redis is unavailable. */
  filled(): Promise<void> {
    return this.filling;
  }

  /**
   * Compares every key with the published state and rewrites those that differ. With `missing`, absent keys are written,
   * too; without it, an absent key counts as expired. Returns the number of keys rewritten.
   */
  async compare(missing: boolean): Promise<number> {
    let differences = 0;
    const keys = [...this.keys()];
    for (let at = 0; at < keys.length && !this.stopped;) {
      const page = this.page(keys, at);
      at = page.end;
      differences += await this.comparePage(page.entries, missing);
    }
    return differences;
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    for (const end of this.unsubscribe) end();
    await Promise.all([this.loop.stop(), this.filling]);
  }

  protected override async read(keys: readonly string[]): Promise<(CachedValue | undefined)[]> {
    const texts = await this.unlessResting(() => this.parts.store.read(keys));
    return keys.map((key, index) => this.valid(key, texts?.[index] ?? null)?.value);
  }

  protected override async keep(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.unlessResting(() => this.parts.store.write(this.entries(keys), 'known'));
  }

  private async unlessResting<T>(call: () => Promise<T>): Promise<T | undefined> {
    if (Date.now() < this.restUntil) return undefined;
    try {
      return await call();
    } catch {
      this.restUntil = Date.now() + FAILURE_PAUSE_MS;
      return undefined;
    }
  }

  /**
   * Parses an entry; undefined if it belongs to another epoch, because its value may be one that a restored database never
   * had.
   */
  private valid(key: string, text: string | null) {
    const entry = text === null ? undefined : readEntry(key, text);
    return entry?.at.epoch === this.parts.feed.epoch ? entry : undefined;
  }

  private back(): void {
    this.restUntil = 0;
    this.fill();
  }

  private fill(): void {
    this.filling = this.filling.then(() => this.fillNow());
  }

  private async fillNow(): Promise<void> {
    if (this.stopped || this.published.loadedAt === 0) return;
    try {
      await this.compare(true);
      await this.tidy();
    } catch (error) {
      this.logger.debug({ err: error }, 'shared cache could not be filled; retrying when Redis is available again');
    }
  }

  /**
   * Removes keys of other epochs, once per epoch. A key of which only the lost end of the log had events would never be
   * corrected and stay until it expires.
   */
  private async tidy(): Promise<void> {
    const { epoch } = this.parts.feed;
    if (this.tidied === epoch) return;
    const removed = await this.parts.store.removeOtherEpochs(epoch);
    if (removed > 0) this.logger.log({ epoch, removed }, 'keys of other epochs removed from the shared cache');
    this.tidied = epoch;
  }

  /** Returns the entries of the next keys at the feed's position, and the index of the first key after them. */
  private page(keys: readonly string[], start: number): { entries: CacheEntry[]; end: number } {
    const entries: CacheEntry[] = [];
    let characters = 0;
    let end = start;
    while (end < keys.length && end < start + PAGE_SIZE && characters < PAGE_CHARACTERS) {
      for (const entry of this.entries(keys.slice(end, ++end))) {
        entries.push(entry);
        characters += entry.text.length;
      }
    }
    return { entries, end };
  }

  /** `expected`: entries that were made in this turn of the event loop. */
  private async comparePage(expected: readonly CacheEntry[], missing: boolean): Promise<number> {
    const { feed, store } = this.parts;
    const { epoch, position } = feed;
    const texts = await store.read(expected.map((entry) => entry.key));
    const wrong = expected.filter((entry, index) => {
      const text = texts[index] ?? null;
      if (text === null) return missing;
      if (body(text) === body(entry.text) && entryPosition(text)?.epoch === epoch) return false;
      const held = this.valid(entry.key, text);
      if (held === undefined) return true;
      return held.at.epoch === epoch && held.at.seq <= position && body(text) !== body(entry.text);
    });
    // Entries of an earlier epoch must not be written: this process may already have removed them.
    if (wrong.length === 0 || epoch !== feed.epoch) return 0;
    await store.write(wrong, 'known');
    return wrong.length;
  }

  /**
   * Returns the entries of keys at the feed's position, all read in the same turn of the event loop; none between the start of
   * an epoch and the load in it, because a value that a restored database never had would get a position of the new epoch.
   */
  private entries(keys: readonly string[]): CacheEntry[] {
    if (!this.published.isOfFeedEpoch) return [];
    const { epoch, position } = this.parts.feed;
    return keys.flatMap((key) => {
      const value = this.published.lookUp(key);
      return value === undefined ? [] : [cacheEntry(key, value, epoch, position)];
    });
  }

  private *keys(): Iterable<string> {
    for (const { token } of this.published.all('price')) yield cacheKeys.price(token ?? '');
    for (const { protocol, chain } of this.published.all('tvl')) yield cacheKeys.tvl(protocol ?? '', chain ?? '');
    for (const slug of this.published.valuedProtocols()) yield cacheKeys.tvl(slug);
    for (const { slug } of this.published.protocols()) yield cacheKeys.protocolMeta(slug);
  }

  private async compareInTurn(): Promise<void> {
    if (!(await this.itIsMyTurn())) return;
    this.differing.set(await this.compare(false));
    // Repeated here, because Redis may have been unavailable when the epoch began.
    await this.tidy();
  }

  /**
   * Whether this process does the comparison now: it continues to do so until it ends, and another process then takes over.
   * If its key vanished before it expired, Redis was emptied, and all missing entries are written.
   */
  private async itIsMyTurn(): Promise<boolean> {
    const { redis } = this.parts;
    if (redis.state !== 'up' || this.published.loadedAt === 0) return false;
    const [commands, key, now] = [redis.commands(), redis.key(COMPARING), performance.now()];
    const taken = (await commands.set(key, this.id, 'PX', COMPARISON_TTL_MS, 'NX')) === 'OK';
    const kept = !taken && (await commands.get(key)) === this.id;
    if (!kept && now < this.holdsUntil) this.fill();
    if (kept) await commands.pexpire(key, COMPARISON_TTL_MS);
    this.holdsUntil = taken || kept ? now + COMPARISON_TTL_MS : 0;
    return taken || kept;
  }
}

/** Returns an entry's text without its first member, the position. */
function body(text: string): string {
  return text.slice(text.indexOf(','));
}
