import { Records, RowNumbers } from './column.js';
import type { Series } from './series.js';
import { ABSENCE, LEVEL, PREVIOUS } from './watched.js';

/** Published values of every series, a row each. Missing numbers are NaN. */
export class SeriesNumbers {
  private readonly records = new Records({ floats: 5, ints: 2 });
  readonly value = this.records.float64();
  readonly previous = this.records.float64();
  /** Times at which `previous` and `value` were observed, Unix ms. */
  readonly previousAt = this.records.float64();
  readonly observedAt = this.records.float64();
  /** Time of the last observation, published or not, Unix ms. */
  readonly seenAt = this.records.float64();
  /** Row of the first quantity derived from it; −1: none. */
  readonly firstQuantity = this.records.int32();
  /** 1: `value` was observed too long before its publication to notify anyone of it. */
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

/**
 * Numbers that conditions are compared with, a row of 64 bytes each. Every event moves about ten of them, mostly past no
 * threshold at all: the bounds that show this are stored here, so that nothing else is read then. Missing numbers are NaN.
 */
export class QuantityNumbers {
  private readonly records = new Records({ floats: 7, ints: 2 });
  readonly value = this.records.float64();
  /** Reference of a change, and its time of observation. */
  readonly reference = this.records.float64();
  readonly referenceAt = this.records.float64();
  /** Window: `LEVEL`, `PREVIOUS`, `ABSENCE`, or ms to look back. */
  private readonly windowMs = this.records.float64();
  /** Time of the clock at which the next stored value becomes the reference, as noted in the market's heap. */
  readonly notedDue = this.records.float64();
  private readonly low = this.records.float64();
  private readonly high = this.records.float64();
  /** Next quantity of its series; −1 after the last. */
  readonly next = this.records.int32();
  /** Twice the generation that `low` and `high` are of, 0: none; odd if the reference must be looked up anew. */
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
   * Computes reference and value again; returns the time of the clock at which a stored value becomes the next reference,
   * Infinity if none is known to. `clock` is the time of the last tick. After an event give when it was `observedAt`: a value
   * observed after the window began cannot be its reference, so that mostly nothing is looked up.
   */
  refresh(row: number, series: Series, clock: number, observedAt = -Infinity): number {
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

  /** Marks the reference as outdated; to be called when earlier values were added to the history of its series. */
  historyChanged(row: number): void {
    this.state.set(row, this.state.get(row) | STALE);
  }

  /** Whether a move of the number reaches no threshold, as far as is known. */
  isWithinBounds(row: number, before: number, after: number): boolean {
    const low = this.low.get(row);
    return this.state.get(row) >>> 1 === this.generation && low < before && low < after && after < this.high.get(row);
  }

  /** Sets the thresholds next to the present value; both the value itself if one equals it. */
  setBounds(row: number, low: number, high: number): void {
    this.low.set(row, low);
    this.high.set(row, high);
    this.state.set(row, (this.generation << 1) | (this.state.get(row) & STALE));
  }

  /** Forgets the bounds; to be called when a threshold was put on the number. A removed threshold does no harm. */
  forgetBounds(row: number): void {
    this.state.set(row, this.state.get(row) & STALE);
  }

  /** Forgets the bounds of all numbers at once. */
  forgetAllBounds(): void {
    this.generation += 1;
  }

  private isStale(row: number): boolean {
    return (this.state.get(row) & STALE) !== 0;
  }

  /** Sets the reference to the last value at or before `time`; returns the time of the next, Infinity if there is none. */
  private lookBack(row: number, { history }: Series, time: number): number {
    this.state.set(row, this.state.get(row) & ~STALE);
    const position = history?.asOf(time) ?? -1;
    this.reference.set(row, history?.valueAt(position) ?? NaN);
    this.referenceAt.set(row, history?.timeAt(position) ?? NaN);
    const next = history?.timeAt(position + 1) ?? NaN;
    return Number.isNaN(next) ? Infinity : next;
  }
}

/** Returns the change as a fraction of the reference; NaN without one, and from zero. */
function change(reference: number, value: number): number {
  return reference === 0 ? NaN : (value - reference) / Math.abs(reference);
}
