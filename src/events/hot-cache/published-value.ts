/** Metrics of history, snapshots and look-ups. */
export type Metric = 'tvl' | 'price';

/** Last published value of one key: TVL of a protocol on a chain, or the price of a token. Money is US dollars. */
export interface PublishedValue {
  readonly metric: Metric;
  readonly protocol: string | null;
  readonly chain: string | null;
  readonly token: string | null;
  readonly value: number;
  readonly volume24h: number | null;
  readonly marketCap: number | null;
  readonly symbol: string | null;
  readonly name: string | null;
  readonly category: string | null;
  readonly source: string;
  /** Effective confidence, as in the event that published the value. */
  readonly confidence: number;
  readonly tags: readonly string[];
  /** Time of the observation, Unix milliseconds. */
  readonly observedAt: number;
  /** Seq of the event that published the value. */
  readonly seq: number;
  readonly cursor: string;
}

/** Description of a protocol, without its numbers. */
export interface ProtocolMeta {
  readonly slug: string;
  readonly name: string;
  readonly symbol: string | null;
  readonly category: string | null;
  readonly chains: readonly string[];
  readonly url: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Total of a protocol over its real chains, and the values of all its chains, including pseudo chains. */
export interface ProtocolTvl {
  readonly protocol: string;
  readonly tvl: number | null;
  readonly chains: readonly PublishedValue[];
}

/** Returns an empty description for a protocol that has values but no row in `protocols`. */
export function undescribed(slug: string): ProtocolMeta {
  return { slug, name: slug, symbol: null, category: null, chains: [], url: null, metadata: {} };
}
