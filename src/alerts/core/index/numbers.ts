import { Records, RowNumbers } from '../structures/column.js';
import type { ValueHistory } from '../structures/value-history.js';
import { ABSENCE, LEVEL, PREVIOUS } from '../rule/watched-number.js';

/** Published values of every series, one row per series. Missing numbers are NaN. */
export class SeriesNumbers {
  private readonly records = new Records({ floats: 5, ints: 2 });
  readonly value = this.records.float64();
  readonly previous = this.records.float64();
  /** Times at which `previous` and `value` were observed, Unix ms. */
  readonly previousAt = this.records.float64();
  readonly observedAt = this.records.float64();
  /** Time of the last observation, published or not, Unix ms. */
  readonly seenAt = this.records.float64();
  /** Row of the first quantity derived from the series; −1: none. */
  readonly firstQuantity = this.records.int32();
  /** 1: `value` was observed too long before its publication to cause notifications. */
  readonly stale = this.records.int32();
  private count = 0;

  add(): number {
    const row = this.count++;
    this.records.reserve(row);
    for (const column of [this.value, this.previous, this.previousAt, this.observedAt, this.seenAt])
      column.set(row, NaN);
    this.firstQuantity.set(row, -1);
    this.stale.set(row, 0);
    return row;
  }
}

const STALE = 1;

/** Series from which a quantity is computed. Missing numbers are NaN; times are Unix ms. */
interface MeasuredSeries {
  readonly value: number;
  readonly previous: number;
  readonly previousAt: number;
  readonly seenAt: number;
  readonly history: Pick<ValueHistory, 'asOf' | 'valueAt' | 'timeAt'> | undefined;
  /** Returns the minutes from the last observation to a time. */
  absence(at: number): number;
}

/**
 * Numbers that conditions are compared with, 64 bytes each. An event changes about ten of them, and most changes pass no
 * threshold. The nearest thresholds are stored here, so that such a change needs no other data. Missing numbers are NaN.
 */
export class QuantityNumbers {
  private readonly records = new Records({ floats: 7, ints: 2 });
  readonly value = this.records.float64();
  /** Value from which a change is measured, and the time at which that value was observed. */
  readonly reference = this.records.float64();
  readonly referenceAt = this.records.float64();
  /** Window: `LEVEL`, `PREVIOUS`, `ABSENCE`, or ms to look back. */
  private readonly windowMs = this.records.float64();
  /** Tick time at which the next stored value becomes the reference, as registered in the market's heap. */
  readonly notedDue = this.records.float64();
  private readonly low = this.records.float64();
  private readonly high = this.records.float64();
  /** Row of the next quantity that is derived from the same series; −1: none. */
  readonly next = this.records.int32();
  /**
   * Twice the generation in which `low` and `high` were set (0: never); plus 1 if the reference must be looked up again.
   */
  private readonly state = this.records.int32();
  private readonly rows = new RowNumbers();
  private generation = 1;

  add(windowMs: number): number {
    const row = this.rows.take();
    this.records.reserve(row);
    for (const column of [this.value, this.reference, this.referenceAt]) column.set(row, NaN);
    this.windowMs.set(row, windowMs);
    this.notedDue.set(row, Infinity);
    this.next.set(row, -1);
    this.state.set(row, STALE);
    return row;
  }

  remove(row: number): void {
    this.rows.giveBack(row);
  }

  /**
   * Recomputes reference and value; returns the tick time at which a stored value becomes the next reference, Infinity if
   * none is known. `clock` is the time of the last tick. After an event, `observedAt` is its time of observation: a value
   * observed after the start of the window cannot be the reference, so that usually no look-up is needed.
   */
  refresh(row: number, series: MeasuredSeries, clock: number, observedAt = -Infinity): number {
    const windowMs = this.windowMs.get(row);
    if (windowMs === LEVEL) {
      this.value.set(row, series.value);
      return Infinity;
    }
    if (windowMs === ABSENCE) {
      this.referenceAt.set(row, series.seenAt);
      this.value.set(row, Math.max(0, series.absence(clock)));
      return Infinity;
    }
    let due = Infinity;
    if (windowMs === PREVIOUS) {
      this.reference.set(row, series.previous);
      this.referenceAt.set(row, series.previousAt);
    } else if (observedAt <= clock - windowMs || this.isStale(row)) {
      due = this.lookBack(row, series, clock - windowMs) + windowMs;
    } else if (!Number.isNaN(series.value)) due = observedAt + windowMs;
    this.value.set(row, change(this.reference.get(row), series.value));
    return due;
  }

  /** Marks the reference as outdated; must be called after earlier values were added to the history of the series. */
  historyChanged(row: number): void {
    this.state.set(row, this.state.get(row) | STALE);
  }

  /** Whether a change is known to pass no threshold. */
  isWithinBounds(row: number, before: number, after: number): boolean {
    const low = this.low.get(row);
    return this.state.get(row) >>> 1 === this.generation && low < before && low < after && after < this.high.get(row);
  }

  /** Sets the thresholds below and above the current value; both are the value itself if it equals a threshold. */
  setBounds(row: number, low: number, high: number): void {
    this.low.set(row, low);
    this.high.set(row, high);
    this.state.set(row, (this.generation << 1) | (this.state.get(row) & STALE));
  }

  /** Drops the bounds; must be called after a threshold was added to the number. Removed thresholds need no call. */
  forgetBounds(row: number): void {
    this.state.set(row, this.state.get(row) & STALE);
  }

  /** Drops the bounds of all numbers at once. */
  forgetAllBounds(): void {
    this.generation += 1;
  }

  private isStale(row: number): boolean {
    return (this.state.get(row) & STALE) !== 0;
  }

  /** Sets the reference to the last value at or before `time`; returns the time of the next, Infinity if there is none. */
  private lookBack(row: number, { history }: MeasuredSeries, time: number): number {
    this.state.set(row, this.state.get(row) & ~STALE);
    const position = history?.asOf(time) ?? -1;
    this.reference.set(row, history?.valueAt(position) ?? NaN);
    this.referenceAt.set(row, history?.timeAt(position) ?? NaN);
    const next = history?.timeAt(position + 1) ?? NaN;
    return Number.isNaN(next) ? Infinity : next;
  }
}

/** Returns the change as a fraction of the reference; NaN if the reference is missing or 0. */
function change(reference: number, value: number): number {
  return reference === 0 ? NaN : (value - reference) / Math.abs(reference);
}
