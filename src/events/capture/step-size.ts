import type { Step } from './leader-session.js';

/** Maximum number of events per step; small events take about 80 ms. */
export const MAX_STEP = 5_000;
/** Duration of a step from which the next ones are smaller, ms. The database cancels a step after 10 s. */
const SLOW_DURATION_MS = 1_000;
const QUICK_DURATION_MS = 250;

/** A step that large data has cut lets the next one look at this multiple of its events, and at this many at least. */
const AHEAD = 4;
const MIN_AHEAD = 32;

/**
 * Number of events per step of the sequencer. It shrinks after a step that the database cancelled, so that the retry has fewer
 * events, and after a step that reached the size limit, so that the next step does not read thousands of events to take a few.
 */
export class StepSize {
  limit = MAX_STEP;

  /** Adapts the limit to a step that succeeded. */
  took(durationMs: number, { batch, isFull }: Step): void {
    const isCut = isFull && batch.length < this.limit;
    if (durationMs > SLOW_DURATION_MS) this.limit = Math.max(1, Math.floor(this.limit / 2));
    else if (isCut) this.limit = Math.min(this.limit, Math.max(MIN_AHEAD, batch.length * AHEAD));
    else if (isFull && durationMs < QUICK_DURATION_MS) this.limit = Math.min(MAX_STEP, this.limit * 2);
  }

  /** Adapts the limit to a step that failed, for whatever reason. */
  failed(): void {
    this.limit = Math.max(1, Math.floor(this.limit / 8));
  }
}
