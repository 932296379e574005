import { inSteps } from '../../platform/loop/slices.js';
import { keysOf, Projection, type ChainEvent, type HotRows, type StreamModel } from '../core/index.js';
import type { Batch } from './batch.js';
import { loadRows, type Queries } from './row-loader.js';

/** Failure of one event. */
export class EventFailure extends Error {
  constructor(
    readonly at: number,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/**
 * Loads the rows that a batch needs and are not in memory, and projects its events; in slices of a few milliseconds.
 * @throws EventFailure if an event cannot be projected
 */
export async function compute(
  db: Queries,
  hot: HotRows,
  model: StreamModel,
  { events, isFinal }: Batch,
): Promise<Projection> {
  await loadRows(db, await inSteps(keysOf(model, events, hot)), hot);
  const projection = new Projection(model, hot, !isFinal);
  await inSteps(applied(projection, events));
  return projection;
}

function* applied(projection: Projection, events: readonly ChainEvent[]): Generator<void> {
  for (let at = 0; at < events.length; at++) {
    const event = events[at];
    if (event === undefined) continue;
    try {
      yield* projection.apply(event);
    } catch (error) {
      throw new EventFailure(at, error);
    }
    yield;
  }
}
