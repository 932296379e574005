/** Metrics of history, snapshots and look-ups. */
export type Metric = 'tvl' | 'price';

/** Last published value of one key: TVL of (protocol, chain) or the price of a token. Money is US dollars. */
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
  /** Unix milliseconds. */
  readonly observedAt: number;
  /** Position in the log of the event that published it. */
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

/** Total of a protocol over real chains, and its parts, pseudo chains included. */
export interface ProtocolTvl {
  readonly protocol: string;
  readonly tvl: number | null;
  readonly chains: readonly PublishedValue[];
}

/** Returns the empty description of a protocol that has values but was never described. */
export function undescribed(slug: string): ProtocolMeta {
  return { slug, name: slug, symbol: null, category: null, chains: [], url: null, metadata: {} };
}
