/** Maximum number of events per step; small events take about 80 ms. */
export const MAX_STEP = 5_000;
/** Duration of a step from which the next ones are smaller, ms. The database cancels a step after 10 s. */
const SLOW_MS = 1_000;
const QUICK_MS = 250;

/**
 * Number of events per step of the sequencer. Large events need smaller steps: a step that the database cancels must not be
 * repeated with the same events.
 */
export class StepSize {
  limit = MAX_STEP;

  /** Adapts the limit to a step that succeeded. */
  took(durationMs: number, isFull: boolean): void {
    if (durationMs > SLOW_MS) this.limit = Math.max(1, Math.floor(this.limit / 2));
    else if (isFull && durationMs < QUICK_MS) this.limit = Math.min(MAX_STEP, this.limit * 2);
  }

  /** Adapts the limit to a step that failed, for whatever reason. */
  failed(): void {
    this.limit = Math.max(1, Math.floor(this.limit / 8));
  }
}
