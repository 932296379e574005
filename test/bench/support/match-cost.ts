import { join } from 'node:path';
import { threadCpuUsage } from 'node:process';
import type * as FilterModule from '../../../src/realtime/core/filter/filter.js';
import type * as IndexModule from '../../../src/realtime/core/filter/filter-index.js';
import type { Session } from '../../../src/realtime/core/session/session.js';
import type * as SubscriptionModule from '../../../src/realtime/core/session/subscription.js';
import { aTvlChange } from '../../support/data/log-event.js';
import type { DistinctFilter } from './distinct-filters.js';
import type { Key } from './latency-load.js';
import { median } from './percentiles.js';

const BUILT = join(import.meta.dirname, '../../../dist/src/realtime/core');
const EVENTS = 20_000;
const ROUNDS = 5;

/**
 * Returns the processor time to find the filters that match an event, microseconds per event: with the product's index, and
 * by testing every filter in turn, for which `scanned` events are enough. Fails if the results differ. Elapsed time would
 * include the wait for a processor: on a busy machine 5 to 39 us instead of 3 to 4.
 */
export async function timeMatching(
  filters: readonly DistinctFilter[],
  keys: readonly Key[],
  scanned: number,
): Promise<{ matchUs: number; scanUs: number }> {
  const { compileFilter, matches } = (await import(join(BUILT, 'filter/filter.js'))) as typeof FilterModule;
  const { FilterIndex } = (await import(join(BUILT, 'filter/filter-index.js'))) as typeof IndexModule;
  const { Subscription } = (await import(join(BUILT, 'session/subscription.js'))) as typeof SubscriptionModule;
  const compiled = filters.map(({ request }) => compileFilter(request));
  const index = new FilterIndex<SubscriptionModule.Subscription>();
  const nobody = {} as Session;
  for (const [n, filter] of compiled.entries()) {
    index.add(
      new Subscription(nobody, `s${n}`, n, filters[n]?.request ?? { type: 'tvl_changes', filter: {} }, filter, 0, 0),
    );
  }
  const moves = [0.01, 0.02, 0.05, 0.1];
  const events = Array.from({ length: EVENTS }, (_, n) =>
    aTvlChange(n + 1, {
      ...keys[(n * 7) % keys.length],
      previous: 1_000_000,
      current: 1_030_000,
      moved: moves[n % moves.length] ?? 0,
    }),
  );
  const some = events.slice(0, scanned);
  const found = some.reduce((sum, event) => sum + index.match(event).length, 0);
  // The first rounds also warm up the code.
  const indexed = Array.from({ length: ROUNDS }, () =>
    cpuUsOf(() => {
      for (const event of events) index.match(event);
    }),
  );
  let asked = 0;
  const scan = cpuUsOf(() => {
    for (const event of some) for (const filter of compiled) if (matches(filter, event)) asked += 1;
  });
  if (asked !== found) throw new Error(`the index found ${found} receivers, asking each filter ${asked}`);
  return { matchUs: median(indexed) / EVENTS, scanUs: scan / scanned };
}

/** Processor time of this thread during the work, microseconds. */
function cpuUsOf(work: () => void): number {
  const before = threadCpuUsage();
  work();
  const after = threadCpuUsage();
  return after.user - before.user + after.system - before.system;
}
