import type { BenchFilter } from './latency-load.js';
import type { SampleLists } from './raw-load-samples.js';

/** Writes of one round: change `first + i` moved its key by `moved[i]`; undefined if it published nothing. */
export interface RoundRecord {
  readonly first: number;
  readonly keyCount: number;
  readonly moved: readonly (number | undefined)[];
  /** Unix milliseconds at which the commit of change `first + i` was acknowledged. */
  readonly acknowledgedAt: Float64Array;
}

export interface Verdict {
  /** Times from the acknowledged commit to the client, ms, sorted. */
  readonly lags: Float64Array;
  readonly lost: number;
  readonly duplicated: number;
  /** Number of deliveries that the client did not subscribe to or that must not have been published. */
  readonly unexpected: number;
}

/** Returns the number of deliveries that clients with these filters must receive in a round. */
export function dueDeliveries(filters: readonly BenchFilter[], record: Omit<RoundRecord, 'acknowledgedAt'>): number {
  // Moves by key, so that the cost per client depends only on its own keys.
  const byKey = Array.from({ length: record.keyCount }, (): number[] => []);
  for (const [i, moved] of record.moved.entries()) {
    if (moved !== undefined) byKey[(record.first + i) % record.keyCount]?.push(moved);
  }
  let due = 0;
  for (const { keys, threshold } of filters) {
    for (const key of keys) for (const moved of byKey[key] ?? []) if (moved >= threshold) due += 1;
  }
  return due;
}

/** Checks deliveries against the writer's record, never against data of the service. */
export function judge(filters: readonly BenchFilter[], received: readonly SampleLists[], record: RoundRecord): Verdict {
  const keysOf = filters.map(({ keys }) => new Set(keys));
  const seen = filters.map(() => new Set<number>());
  const lags = new Float64Array(received.reduce((sum, { at }) => sum + at.length, 0));
  let [next, duplicated, unexpected, distinct] = [0, 0, 0, 0];
  for (const { clients, changes, at } of received) {
    for (const [i, change] of changes.entries()) {
      const client = clients[i] ?? 0;
      const moved = record.moved[change - record.first];
      const isDue =
        moved !== undefined &&
        moved >= (filters[client]?.threshold ?? 0) &&
        keysOf[client]?.has(change % record.keyCount) === true;
      if (!isDue) unexpected += 1;
      else if (seen[client]?.has(change)) duplicated += 1;
      else distinct += 1;
      seen[client]?.add(change);
      lags[next++] = (at[i] ?? 0) - (record.acknowledgedAt[change - record.first] ?? 0);
    }
  }
  return { lags: lags.sort(), lost: dueDeliveries(filters, record) - distinct, duplicated, unexpected };
}
