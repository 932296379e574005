import type { Key } from './latency-load.js';

export interface BenchQuery {
  readonly query: Readonly<Record<string, unknown>>;
  /** Keys of the query, which no other query uses. */
  readonly keys: readonly Key[];
  /** Whether the writer changes the query's keys. */
  readonly isTouched: boolean;
}

const SHARE_TOUCHED = 10;

/**
 * Returns 100 queries that filter, sort and limit, 60 that group, and 40 with time buckets; the writer changes a tenth of
 * each kind.
 */
export function liveQueries(): BenchQuery[] {
  const filters = make(100, 10, 'filter', (n, keys) => ({
    filters: { protocols: protocolsOf(keys), tvl_range: { min: 1 } },
    sort: { field: 'tvl', order: 'desc' },
    limit: 10,
  }));
  const groups = make(60, 10, 'group', (n) => ({
    filters: { chains: [`group-chain-${n}`] },
    aggregations: [
      { field: 'tvl', operation: 'sum', group_by: 'protocol' },
      { field: 'tvl', operation: 'max', group_by: 'protocol' },
    ],
  }));
  const buckets = make(40, 5, 'bucket', (_, keys) => ({
    filters: { protocols: protocolsOf(keys) },
    time: { from: 'now-24h', to: 'now', bucket: '1h' },
    aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'chain' }],
  }));
  return [...filters, ...groups, ...buckets];
}

function make(
  count: number,
  size: number,
  kind: string,
  query: (n: number, keys: readonly Key[]) => BenchQuery['query'],
): BenchQuery[] {
  return Array.from({ length: count }, (_, n) => {
    const keys = Array.from({ length: size }, (_unused, i) => ({
      protocol: `${kind}-${n}-${i}`,
      chain: kind === 'group' ? `group-chain-${n}` : `${kind}-chain`,
    }));
    return { query: query(n, keys), keys, isTouched: n % SHARE_TOUCHED === 0 };
  });
}

const protocolsOf = (keys: readonly Key[]): string[] => keys.map(({ protocol }) => protocol);
