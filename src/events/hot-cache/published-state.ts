import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import type { LogEvent } from '../core/log-event.js';
import { EventFeed } from '../feed/event-feed.js';
import { CurrentBook } from './current-book.js';
import { PublishedStore } from './published-store.js';
import type { Metric, ProtocolMeta, ProtocolTvl, PublishedValue } from './published-value.js';

const RETRY_INTERVAL_MS = 1_000;
/**
 * Longest wait for the feed after loading, ms. Feed and load both reach the head of the log, so the wait is long only while
 * the feed cannot proceed.
 */
const CATCH_UP_TIMEOUT_MS = 2_000;

/**
 * Last published value of every key in memory, updated synchronously by the event feed: reading `feed.position` and then
 * this state in the same turn of the event loop gives exactly the values at that position. At a new epoch everything is
 * loaded again, because a restored database may contain older values.
 */
@Injectable()
export class PublishedState implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(PublishedState.name);
  private readonly unsubscribe: (() => void)[];
  private readonly loadedListeners = new Set<() => void>();
  /** Events received since loading began; they are applied to the loaded book. */
  private arrived: LogEvent[] | undefined;
  private loading: Promise<void> = Promise.resolve();
  private stopped = false;
  private loaded = 0;
  private position = 0;
  private removed = 0;

  constructor(
    private readonly feed: EventFeed,
    private readonly store: PublishedStore,
    private readonly clock: Clock,
    private readonly current: CurrentBook,
  ) {
    this.unsubscribe = [feed.subscribe((batch) => this.receive(batch)), feed.onEpochChange(() => void this.reload())];
  }

  tvl(protocol: string, chain: string): PublishedValue | undefined {
    return this.current.book.tvl(protocol, chain);
  }

  /** Returns the values of all chains of a protocol, including pseudo chains. */
  tvlOf(protocol: string): PublishedValue[] {
    return this.current.book.tvlOf(protocol);
  }

  /** Returns the protocol's total over real chains; undefined if it has no value. */
  protocolTvl(protocol: string): number | undefined {
    return this.current.book.protocolTvl(protocol);
  }

  price(token: string): PublishedValue | undefined {
    return this.current.book.price(token);
  }

  protocol(slug: string): ProtocolMeta | undefined {
    return this.current.book.protocol(slug);
  }

  all(metric: Metric): Iterable<PublishedValue> {
    return this.current.book.all(metric);
  }

  protocols(): Iterable<ProtocolMeta> {
    return this.current.book.protocols();
  }

  /** Returns the slugs with at least one value, even if the protocol has no description. */
  valuedProtocols(): Iterable<string> {
    return this.current.book.valuedProtocols();
  }

  /** Time of the last load, Unix milliseconds; 0 before the first. */
  get loadedAt(): number {
    return this.loaded;
  }

  /** Whether the values belong to the feed's epoch; not from the start of a new epoch until everything is loaded again. */
  get isOfFeedEpoch(): boolean {
    return this.current.epoch === this.feed.epoch;
  }

  /** Number of keys removed so far; cached answers expire when it changes. */
  get removals(): number {
    return this.removed;
  }

  /**
   * Calls the listener after every load: at the start, at a new epoch, and after the reconciler found a difference. Returns
   * the function that unsubscribes it.
   */
  onLoaded(listener: () => void): () => void {
    this.loadedListeners.add(listener);
    return () => this.loadedListeners.delete(listener);
  }

  /** Returns the value of a key of the hot cache (see `cacheKeys`). */
  lookUp(key: string): PublishedValue | ProtocolTvl | ProtocolMeta | undefined {
    const colon = key.indexOf(':');
    const subject = key.slice(colon + 1);
    switch (key.slice(0, colon)) {
      case 'price':
        return this.price(subject);
      case 'protocol':
        return subject.endsWith(':meta') ? this.protocol(subject.slice(0, -5)) : undefined;
      case 'tvl':
        return this.tvlByKey(subject);
      default:
        return undefined;
    }
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.reload();
  }

  onApplicationShutdown(): void {
    this.stopped = true;
    for (const end of this.unsubscribe) end();
  }

  /**
   * Loads everything again; resolves when the loaded state is in use. Only one load runs at a time; a failed load is
   * repeated until it succeeds.
   */
  reload(): Promise<void> {
    this.loading = this.loading.then(() => this.loadUntilDone());
    return this.loading;
  }

  private tvlByKey(subject: string): PublishedValue | ProtocolTvl | undefined {
    const chains = this.tvlOf(subject);
    if (chains.length > 0) return { protocol: subject, tvl: this.protocolTvl(subject) ?? null, chains };
    const colon = subject.lastIndexOf(':');
    return colon < 0 ? undefined : this.tvl(subject.slice(0, colon), subject.slice(colon + 1));
  }

  private receive(batch: readonly LogEvent[]): void {
    const first = batch[0]?.seq ?? 0;
    // The log no longer has the events that this process missed; only the database has their values.
    if (first > this.position + 1 && this.position > 0) void this.reload();
    this.position = batch.at(-1)?.seq ?? this.position;
    for (const event of batch) {
      this.current.book.apply(event);
      if (event.type.endsWith('_removed')) this.removed++;
    }
    if (this.arrived) for (const event of batch) this.arrived.push(event);
  }

  private async loadUntilDone(): Promise<void> {
    while (!this.stopped) {
      try {
        return await this.loadOnce();
      } catch (error) {
        this.logger.warn({ err: error }, 'published state could not be loaded; retrying in 1 s');
        await new Promise((resolve) => setTimeout(resolve, RETRY_INTERVAL_MS).unref());
      }
    }
  }

  private async loadOnce(): Promise<void> {
    const arrived: LogEvent[] = [];
    this.arrived = arrived;
    try {
      const { book, epoch, seq } = await this.store.load();
      await this.feedReaches(seq);
      for (const event of arrived) book.apply(event);
      this.current.book = book;
      this.current.epoch = epoch;
      this.loaded = this.clock.now();
    } finally {
      this.arrived = undefined;
    }
    for (const listener of this.loadedListeners) listener();
  }

  /**
   * Resolves when the feed has reached `seq`. A loaded state may be ahead of the feed and must not be used before, so that
   * it never shows values of events that the feed has not delivered.
   */
  private feedReaches(seq: number): Promise<void> {
    if (this.feed.position >= seq) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        unsubscribe();
        resolve();
      };
      const timer = setTimeout(done, CATCH_UP_TIMEOUT_MS);
      const unsubscribe = this.feed.subscribe(() => {
        if (this.feed.position >= seq) done();
      });
    });
  }
}
