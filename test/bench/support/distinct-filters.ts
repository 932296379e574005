import { followers, type BenchFilter, type Key } from './latency-load.js';
import type { SubscriptionRequest } from '../../../src/realtime/core/filter/subscription-request.js';

/** Steps used as thresholds; the smallest matches every published change. */
const THRESHOLDS = [0.01, 0.02, 0.05];

/** Filter, and the same filter in the form of the product's core. */
export interface DistinctFilter extends BenchFilter {
  readonly request: SubscriptionRequest;
}

/** Returns filters with ten protocols each by popularity, one of three thresholds, and a minimum value that is unique. */
export function distinctFilters(count: number, keys: readonly Key[]): DistinctFilter[] {
  return followers(count, keys, 'socketio', 3).map((filter, n) => {
    const threshold = THRESHOLDS[n % THRESHOLDS.length] ?? 0;
    const protocols = filter.keys.map((key) => keys[key]?.protocol ?? '');
    const conditions = { protocols, threshold, minValue: n };
    return {
      ...filter,
      threshold,
      subscribe: { type: 'tvl_changes', ...conditions },
      request: { type: 'tvl_changes', filter: conditions },
    };
  });
}
