export interface Key {
  readonly protocol: string;
  readonly chain: string;
}

/** A subscription, and the same filter once more as a plain function for the check. */
export interface BenchFilter {
  readonly subscribe: Record<string, unknown>;
  matches(key: Key, moved: number): boolean;
}

const CHAINS = [
  'ethereum',
  'arbitrum',
  'base',
  'optimism',
  'polygon',
  'bsc',
  'avalanche',
  'solana',
  'gnosis',
  'scroll',
];
/** Moves relative to the baseline that each key goes through; every neighbour pair differs by at least 1 %. */
const WALK = [1.015, 0.995, 1.03, 1.07, 1.04, 1.0, 1.12, 1.02, 0.98, 1.0];

export function keysOf(count: number): Key[] {
  return Array.from({ length: count }, (_, n) => ({
    protocol: `protocol-${n}`,
    chain: CHAINS[n % CHAINS.length] ?? 'ethereum',
  }));
}

/** The values of `count` changes from number `first` on; change `n` belongs to key `n % keys`. */
export function valuesOf(first: number, count: number, keys: number, baseline: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    const turn = Math.floor((first + i) / keys);
    return baseline * (WALK[turn % WALK.length] ?? 1);
  });
}

/** Of ten clients: one takes everything, four follow 20 protocols, two a chain, two large moves, one a single protocol. */
export function mixedFilters(count: number, keys: readonly Key[]): BenchFilter[] {
  return Array.from({ length: count }, (_, n): BenchFilter => {
    const kind = n % 10;
    if (kind === 0) return { subscribe: { type: 'tvl_changes' }, matches: () => true };
    if (kind <= 4) {
      const protocols = Array.from(
        { length: 20 },
        (_unused, i) => keys[(n * 7 + i * 31) % keys.length]?.protocol ?? '',
      );
      return {
        subscribe: { type: 'tvl_changes', protocols },
        matches: (key) => protocols.includes(key.protocol),
      };
    }
    if (kind <= 6) {
      const chain = CHAINS[n % CHAINS.length] ?? '';
      return { subscribe: { type: 'tvl_changes', chain }, matches: (key) => key.chain === chain };
    }
    if (kind <= 8) {
      return { subscribe: { type: 'tvl_changes', threshold: 0.05 }, matches: (_key, moved) => moved >= 0.05 };
    }
    const { protocol = '', chain = '' } = keys[(n * 13) % keys.length] ?? {};
    return {
      subscribe: { type: 'protocol', protocol, chain },
      matches: (key) => key.protocol === protocol && key.chain === chain,
    };
  });
}
