import { DueHeap } from './due-heap.js';
import type { Scope } from './scope.js';
import { ValueHistory } from './value-history.js';
import { LEVEL, PREVIOUS, type Measure } from './watched.js';

/** One measured number of the market, such as the TVL of a protocol on a chain. Missing numbers are NaN. */
export class Series {
  value = NaN;
  previous = NaN;
  /** When `previous` and `value` were observed, Unix ms. */
  previousAt = NaN;
  observedAt = NaN;
  /** What rules compare of it: itself, its changes. */
  readonly quantities: Quantity[] = [];
  /** Rules that hold, by when they may be told again; items are (instance, condition) pairs. */
  readonly repeats = new DueHeap();
  /** Kept only while a rule looks back. */
  history: ValueHistory | undefined;
  /** The longest look back, milliseconds. */
  keepMs = 0;

  constructor(
    readonly measure: Measure,
    readonly protocol: string,
    readonly chain: string,
    readonly token: string,
  ) {}

  update(value: number, observedAt: number): void {
    this.previous = this.value;
    this.previousAt = this.observedAt;
    this.value = value;
    this.observedAt = observedAt;
    if (!Number.isNaN(value)) this.history?.insert(observedAt, value);
  }

  /** From now on at least as much as a look back of `windowMs` needs. */
  keepHistory(windowMs: number): void {
    this.keepMs = Math.max(this.keepMs, windowMs);
    if (this.history) return;
    this.history = new ValueHistory();
    if (!Number.isNaN(this.previous)) this.history.insert(this.previousAt, this.previous);
    if (!Number.isNaN(this.value)) this.history.insert(this.observedAt, this.value);
  }

  dropQuantity(quantity: Quantity): void {
    this.quantities.splice(this.quantities.indexOf(quantity), 1);
    this.keepMs = Math.max(0, ...this.quantities.map(({ windowMs }) => windowMs));
    if (this.keepMs === 0) this.history = undefined;
  }

  quantity(windowMs: number): Quantity | undefined {
    return this.quantities.find((quantity) => quantity.windowMs === windowMs);
  }
}

/** A scope as one series takes part in it. */
export interface Membership {
  readonly scope: Scope;
  /** Position of the series among the scope's members. */
  readonly member: number;
}

/**
 * A number that conditions compare with their thresholds: a series itself, or its change over one window. Computed once
 * per event, however many rules look at it.
 */
export class Quantity {
  value = NaN;
  /** What a change is measured against, and when that was observed. */
  reference = NaN;
  referenceAt = NaN;
  /** The time of the clock at which the next stored value becomes the reference, as noted in the market's heap. */
  notedDue = Infinity;
  readonly signed: Membership[] = [];
  readonly absolute: Membership[] = [];

  constructor(
    readonly series: Series,
    readonly windowMs: number,
    readonly id: number,
  ) {}

  /** Sets reference and value anew; true if the value is another. `clock` is the time of the last tick. */
  refresh(clock: number): boolean {
    const { series, windowMs } = this;
    const before = this.value;
    if (windowMs === LEVEL) this.value = series.value;
    else {
      const position = windowMs > 0 ? (series.history?.asOf(clock - windowMs) ?? -1) : -1;
      this.reference = windowMs === PREVIOUS ? series.previous : (series.history?.valueAt(position) ?? NaN);
      this.referenceAt = windowMs === PREVIOUS ? series.previousAt : (series.history?.timeAt(position) ?? NaN);
      this.value = change(this.reference, series.value);
    }
    return !Object.is(before, this.value);
  }

  /** When the clock must come by again because the reference moves; Infinity: not before another event. */
  nextDue(clock: number): number {
    const { history } = this.series;
    if (this.windowMs <= 0 || !history) return Infinity;
    const next = history.timeAt(history.asOf(clock - this.windowMs) + 1);
    return Number.isNaN(next) ? Infinity : next + this.windowMs;
  }

  leave(scope: Scope): void {
    for (const memberships of [this.signed, this.absolute]) {
      const at = memberships.findIndex((membership) => membership.scope === scope);
      if (at >= 0) memberships.splice(at, 1);
    }
  }
}

/** As a fraction of the reference; NaN without one, and from zero. */
export function change(reference: number, value: number): number {
  return reference === 0 ? NaN : (value - reference) / Math.abs(reference);
}
