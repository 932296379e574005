import type { ProtocolMeta, PublishedValue } from './published-value.js';

/** What `tvl:{protocol}` holds: the total and its parts. */
export interface ProtocolTvl {
  readonly protocol: string;
  readonly tvl: number | null;
  readonly chains: readonly PublishedValue[];
}

/** Plain JSON, whatever the key. */
export type CachedValue = PublishedValue | ProtocolTvl | ProtocolMeta;

/** The keys that other programs may read in a shared cache too. */
export const cacheKeys = {
  price: (token: string) => `price:${token}`,
  tvl: (protocol: string, chain?: string) => (chain === undefined ? `tvl:${protocol}` : `tvl:${protocol}:${chain}`),
  protocolMeta: (slug: string) => `protocol:${slug}:meta`,
};

/** Published values by key, refreshed with every publication; an entry nobody touched for an hour leaves. */
export abstract class HotCache {
  /** One answer per key, in order; undefined for what is published nowhere. Misses are read through and kept. */
  abstract getMany(keys: readonly string[]): Promise<(CachedValue | undefined)[]>;
}
