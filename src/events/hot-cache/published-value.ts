/** What history, snapshots and look-ups are kept of. */
export type Metric = 'tvl' | 'price';

/** The last published value of one key: TVL of (protocol, chain) or the price of a token. Money is US dollars. */
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
  /** Effective, as the event that published the value told it. */
  readonly confidence: number;
  readonly tags: readonly string[];
  /** Unix milliseconds. */
  readonly observedAt: number;
  /** Position in the log of the event that published it. */
  readonly seq: number;
  readonly cursor: string;
}

/** What is known of a protocol besides its numbers. */
export interface ProtocolMeta {
  readonly slug: string;
  readonly name: string;
  readonly symbol: string | null;
  readonly category: string | null;
  readonly chains: readonly string[];
  readonly url: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** A protocol's total over real chains, and its parts, pseudo chains included. */
export interface ProtocolTvl {
  readonly protocol: string;
  readonly tvl: number | null;
  readonly chains: readonly PublishedValue[];
}

/** Of a protocol that has values but was never described. */
export function undescribed(slug: string): ProtocolMeta {
  return { slug, name: slug, symbol: null, category: null, chains: [], url: null, metadata: {} };
}
