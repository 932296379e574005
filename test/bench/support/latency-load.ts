import type { DialectName } from './raw-load-dialects.js';
import { zipf } from './zipf.js';

export interface Key {
  readonly protocol: string;
  readonly chain: string;
}

/** A subscription, and what it must bring, in plain terms for the check. */
export interface BenchFilter {
  readonly subscribe: Readonly<Record<string, unknown>>;
  /** Places in the list of keys. */
  readonly keys: readonly number[];
  /** Smallest `moved`; 0: all. */
  readonly threshold: number;
}

/** Clients of one transport; client `n` has filter `n`. */
export interface BenchClients {
  readonly transport: DialectName;
  readonly processes: number;
  readonly filters: readonly BenchFilter[];
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
  const where = (matches: (key: Key) => boolean): number[] => keys.flatMap((key, n) => (matches(key) ? n : []));
  return Array.from({ length: count }, (_, n): BenchFilter => {
    const kind = n % 10;
    if (kind === 0) return { subscribe: { type: 'tvl_changes' }, keys: where(() => true), threshold: 0 };
    if (kind <= 4) {
      const followed = Array.from({ length: 20 }, (_unused, i) => (n * 7 + i * 31) % keys.length);
      return follow(followed, keys, 'socketio');
    }
    if (kind <= 6) {
      const chain = CHAINS[n % CHAINS.length] ?? '';
      return { subscribe: { type: 'tvl_changes', chain }, keys: where((key) => key.chain === chain), threshold: 0 };
    }
    if (kind <= 8) {
      return { subscribe: { type: 'tvl_changes', threshold: 0.05 }, keys: where(() => true), threshold: 0.05 };
    }
    const followed = (n * 13) % keys.length;
    const { protocol = '', chain = '' } = keys[followed] ?? {};
    return { subscribe: { type: 'protocol', protocol, chain }, keys: [followed], threshold: 0 };
  });
}

/** Each client follows ten different protocols, popular ones more often than others: the n-th has 1/n of the first's share. */
export function followers(count: number, keys: readonly Key[], transport: DialectName, seed: number): BenchFilter[] {
  const pick = zipf(keys.length, seed);
  return Array.from({ length: count }, () => {
    const followed = new Set<number>();
    while (followed.size < 10) followed.add(pick());
    return follow([...followed], keys, transport);
  });
}

function follow(followed: readonly number[], keys: readonly Key[], transport: DialectName): BenchFilter {
  const protocols = followed.map((key) => keys[key]?.protocol ?? '');
  const subscribe =
    transport === 'websocket'
      ? { channels: ['tvl'], filters: { protocolIds: protocols } }
      : { type: 'tvl_changes', protocols };
  return { subscribe, keys: [...new Set(followed)], threshold: 0 };
}
