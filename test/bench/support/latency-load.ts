import type { DialectName } from './raw-load-dialects.js';
import { zipf } from './zipf.js';

export interface Key {
  readonly protocol: string;
  readonly chain: string;
}

/** Subscription, and the events that it must deliver, in a form for the check. */
export interface BenchFilter {
  readonly subscribe: Readonly<Record<string, unknown>>;
  /** Indexes in the list of keys. */
  readonly keys: readonly number[];
  /** Minimum `moved`; 0: all. */
  readonly threshold: number;
}

/** Clients of one transport; client `n` uses filter `n`. */
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
/** Values of each key relative to its baseline; consecutive values differ by at least 1 %. */
const WALK = [1.015, 0.995, 1.03, 1.07, 1.04, 1.0, 1.12, 1.02, 0.98, 1.0];

export function keysOf(count: number): Key[] {
  return Array.from({ length: count }, (_, n) => ({
    protocol: `protocol-${n}`,
    chain: CHAINS[n % CHAINS.length] ?? 'ethereum',
  }));
}

/** Returns the values of `count` changes, starting with number `first`; change `n` belongs to key `n % keys`. */
export function valuesOf(first: number, count: number, keys: number, baseline: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    const turn = Math.floor((first + i) / keys);
    return baseline * (WALK[turn % WALK.length] ?? 1);
  });
}

/**
 * Returns filters: of ten clients, one receives everything, four follow 20 protocols, two a chain, two large moves, one a
 * single protocol.
 */
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

/**
 * Returns filters with ten different protocols per client, popular ones more often: the n-th protocol has 1/n of the
 * first one's share.
 */
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
