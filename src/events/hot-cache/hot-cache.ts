import { Counter } from 'prom-client';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import { PublishedState } from './published-state.js';
import type { ProtocolMeta, ProtocolTvl, PublishedValue } from './published-value.js';

/** Value of a key; plain JSON. */
export type CachedValue = PublishedValue | ProtocolTvl | ProtocolMeta;

/** Time after which an entry expires that was neither published nor read, ms. */
export const CACHE_TTL_MS = 3_600_000;

/** Keys of the hot cache. In Redis, other programs may read them, too. */
export const cacheKeys = {
  price: (token: string) => `price:${token}`,
  tvl: (protocol: string, chain?: string) => (chain === undefined ? `tvl:${protocol}` : `tvl:${protocol}:${chain}`),
  protocolMeta: (slug: string) => `protocol:${slug}:meta`,
};

/**
 * Published values by key. Every publication writes the entries of its keys; an entry that was neither published nor read
 * for an hour expires. A missing entry is read from the published state, which has every key, and written again for an hour.
 */
export abstract class HotCache {
  private readonly hits: Counter;
  private readonly misses: Counter;

  constructor(
    protected readonly published: PublishedState,
    metrics: Metrics,
  ) {
    const registers = [metrics.registry];
    this.hits = new Counter({
      ...metricOf('cache_hits_total'),
      registers,
    });
    this.misses = new Counter({
      ...metricOf('cache_misses_total'),
      registers,
    });
  }

  /** Returns one value per key, in order; undefined for a key that was never published. */
  async getMany(keys: readonly string[]): Promise<(CachedValue | undefined)[]> {
    const held = await this.read(keys);
    const missed = keys.filter((_, index) => held[index] === undefined);
    this.hits.inc(keys.length - missed.length);
    if (missed.length === 0) return held;
    this.misses.inc(missed.length);
    await this.keep(missed.filter((key) => this.published.lookUp(key) !== undefined));
    return held.map((value, index) => value ?? this.published.lookUp(keys[index] ?? ''));
  }

  /** Returns the prices of tokens, in the order of the tokens. */
  async prices(tokens: readonly string[]): Promise<(PublishedValue | undefined)[]> {
    const values = await this.getMany(tokens.map(cacheKeys.price));
    return values.map((value) => (value && 'metric' in value ? value : undefined));
  }

  async protocolTvl(protocol: string): Promise<ProtocolTvl | undefined> {
    const [value] = await this.getMany([cacheKeys.tvl(protocol)]);
    return value && 'tvl' in value ? value : undefined;
  }

  async tvl(protocol: string, chain: string): Promise<PublishedValue | undefined> {
    const [value] = await this.getMany([cacheKeys.tvl(protocol, chain)]);
    return value && 'metric' in value ? value : undefined;
  }

  async protocolMeta(slug: string): Promise<ProtocolMeta | undefined> {
    const [value] = await this.getMany([cacheKeys.protocolMeta(slug)]);
    return value && 'slug' in value ? value : undefined;
  }

  protected abstract read(keys: readonly string[]): Promise<(CachedValue | undefined)[]>;

  /** Writes the published values of the keys into the cache, where they stay for another hour. */
  protected abstract keep(keys: readonly string[]): Promise<void>;
}
