import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { Gauge } from 'prom-client';
import type { Metrics } from '../../platform/metrics/metrics.js';
import type { RedisConnections } from '../../platform/redis/redis-connections.js';
import type { EventFeed } from '../feed/event-feed.js';
import { cacheEntry, entriesAfter, readEntry, type CacheEntry } from './cache-entry.js';
import type { CacheRefresh } from './cache-refresh.js';
import { cacheKeys, HotCache, type CachedValue } from './hot-cache.js';
import type { PublishedState } from './published-state.js';
import type { RedisCacheStore } from './redis-cache-store.js';

/** Interval between two comparisons of the whole cache, done by one process at a time, ms. */
const COMPARE_INTERVAL_MS = 3_000;
const PAGE = 500;
/** Time after a failure in which look-ups do not use Redis, ms: one that hangs costs only the first of them a second. */
const FAILURE_PAUSE_MS = 1_000;
/** Key held by the process that compares, and for how long, ms. */
const COMPARING = 'cache:comparing';
const COMPARING_MS = COMPARE_INTERVAL_MS * 1.5;

export interface RedisHotCacheParts {
  published: PublishedState;
  metrics: Metrics;
  redis: RedisConnections;
  store: RedisCacheStore;
  feed: EventFeed;
  refresh: CacheRefresh;
}

/**
 * Hot cache that all processes and other programs share. The broker refreshes it in the step that publishes; here it is read,
 * filled at the start, whenever Redis is available again and when somebody emptied it, and compared with the published state.
 * While Redis is unavailable the published state answers alone.
 */
export class RedisHotCache extends HotCache implements BeforeApplicationShutdown {
  private readonly logger = new Logger('HotCache');
  private readonly id = randomUUID();
  private readonly stopping = new AbortController();
  private readonly unsubscribe: (() => void)[];
  private readonly running: Promise<void>;
  private readonly differing: Gauge;
  private filling: Promise<void> = Promise.resolve();
  private restUntil = 0;
  /** Until when the server holds the key of this process, unless it lost it; of `performance.now()`. */
  private holdsUntil = 0;
  /** Epoch whose foreign keys were removed last. */
  private tidied = '';

  constructor(private readonly parts: RedisHotCacheParts) {
    super(parts.published, parts.metrics);
    this.differing = new Gauge({
      name: 'hot_cache_differences',
      help: 'Keys of the shared cache that differed from the published value at the last comparison (repaired automatically).',
      registers: [parts.metrics.registry],
    });
    parts.refresh.use((batch) => entriesAfter(parts.published, batch));
    this.unsubscribe = [
      parts.published.onLoaded(() => this.fill()),
      parts.redis.onState((state) => state === 'up' && this.back()),
    ];
    this.running = this.loop();
  }

  /** Resolves when the requested fill is complete, or Redis is unavailable. */
  filled(): Promise<void> {
    return this.filling;
  }

  /**
   * Compares every key with the published state and rewrites those that differ; `missing`: also those that are absent, which
   * otherwise have expired. Returns how many differed.
   */
  async compare(missing: boolean): Promise<number> {
    let differences = 0;
    const keys = [...this.keys()];
    for (let at = 0; at < keys.length && !this.stopping.signal.aborted; at += PAGE) {
      differences += await this.comparePage(keys.slice(at, at + PAGE), missing);
    }
    return differences;
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    for (const end of this.unsubscribe) end();
    await Promise.all([this.running, this.filling]);
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

  /** Parses an entry of the present epoch; another epoch's may hold a value that a restored database never had. */
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
    if (this.stopping.signal.aborted || this.published.loadedAt === 0) return;
    try {
      await this.compare(true);
      await this.tidy();
    } catch (error) {
      this.logger.debug(
        { reason: String(error) },
        'shared cache could not be filled; retrying when Redis is available',
      );
    }
  }

  /**
   * Removes keys of other epochs, once per epoch: a key that only a lost end of the log knew would never be corrected, and stay
   * until it expires.
   */
  private async tidy(): Promise<void> {
    const { epoch } = this.parts.feed;
    if (this.tidied === epoch) return;
    const removed = await this.parts.store.removeOtherEpochs(epoch);
    if (removed > 0) this.logger.log({ epoch, removed }, 'keys of an earlier epoch removed from the shared cache');
    this.tidied = epoch;
  }

  private async comparePage(keys: readonly string[], missing: boolean): Promise<number> {
    const { feed, store } = this.parts;
    const { epoch, position } = feed;
    const expected = this.entries(keys);
    const texts = await store.read(expected.map((entry) => entry.key));
    const wrong = expected.filter((entry, index) => {
      const text = texts[index] ?? null;
      if (text === null) return missing;
      const held = this.valid(entry.key, text);
      if (held === undefined) return true;
      return held.at.epoch === epoch && held.at.seq <= position && body(text) !== body(entry.text);
    });
    if (wrong.length > 0) await store.write(wrong, 'known');
    return wrong.length;
  }

  /** Returns the published values of keys at the feed's position, read in one turn. */
  private entries(keys: readonly string[]): CacheEntry[] {
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

  private async loop(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await sleep(COMPARE_INTERVAL_MS, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        if (!(await this.itIsMyTurn())) continue;
        this.differing.set(await this.compare(false));
        // Redis may have been too slow for it when the epoch began.
        await this.tidy();
      } catch (error) {
        this.logger.debug({ reason: String(error) }, 'shared cache could not be compared');
      }
    }
  }

  /**
   * Whether this process compares: the one that does goes on; another takes over after its end. A server that lost the key before
   * its time was emptied: then everything that is missing is written.
   */
  private async itIsMyTurn(): Promise<boolean> {
    const { redis } = this.parts;
    if (redis.state !== 'up' || this.published.loadedAt === 0) return false;
    const [commands, key, now] = [redis.commands(), redis.key(COMPARING), performance.now()];
    const taken = (await commands.set(key, this.id, 'PX', COMPARING_MS, 'NX')) === 'OK';
    const kept = !taken && (await commands.get(key)) === this.id;
    if (!kept && now < this.holdsUntil) this.fill();
    if (kept) await commands.pexpire(key, COMPARING_MS);
    this.holdsUntil = taken || kept ? now + COMPARING_MS : 0;
    return taken || kept;
  }
}

/** Returns the text without the position that leads it. */
function body(text: string): string {
  return text.slice(text.indexOf(','));
}
