import { DueHeap } from '../structures/due-heap.js';
import type { SeriesNumbers } from './numbers.js';
import type { Quantity } from './quantity.js';
import { ValueHistory } from '../structures/value-history.js';
import type { Measure } from '../rule/watched-number.js';

const MINUTE_MS = 60_000;

/** One measured number of the market, such as the TVL of a protocol on a chain. Missing numbers are NaN. */
export class Series {
  /** Quantities derived from the series that rules compare: its value, its changes, its absence. */
  quantities: readonly Quantity[] = [];
  /** Firing instances by the time from which they may notify again; items are (instance, condition) pairs. */
  readonly repeats = new DueHeap();
  /** History of values, kept only while a rule has a window on the series. */
  history: ValueHistory | undefined;
  /** Longest window on the series, ms. */
  keepMs = 0;
  private readonly row: number;

  constructor(
    private readonly numbers: SeriesNumbers,
    readonly measure: Measure,
    readonly protocol: string,
    readonly chain: string,
    readonly token: string,
  ) {
    this.row = numbers.add();
  }

  get value(): number {
    return this.numbers.value.get(this.row);
  }

  /** Previous published value. */
  get previous(): number {
    return this.numbers.previous.get(this.row);
  }

  /** Time at which `previous` was observed, Unix ms. */
  get previousAt(): number {
    return this.numbers.previousAt.get(this.row);
  }

  /** Time at which `value` was observed, Unix ms. */
  get observedAt(): number {
    return this.numbers.observedAt.get(this.row);
  }

  /** Time of the last observation, published or not, Unix ms; NaN: never observed, or removed. */
  get seenAt(): number {
    return this.numbers.seenAt.get(this.row);
  }

  /** Returns the minutes from the last observation to a time (Unix ms); NaN: never observed. */
  absence(at: number): number {
    return (at - this.seenAt) / MINUTE_MS;
  }

  /** Records an observation; returns false for one that is not newer than the last, which is ignored. */
  see(time: number): boolean {
    if (this.seenAt >= time) return false;
    this.numbers.seenAt.set(this.row, time);
    return true;
  }

  /** Row of the first quantity; −1: none. */
  get firstQuantity(): number {
    return this.numbers.firstQuantity.get(this.row);
  }

  /** Whether the value was too old when it was published. */
  get isStale(): boolean {
    return this.numbers.stale.get(this.row) !== 0;
  }

  update(value: number, observedAt: number, isStale: boolean): void {
    const { numbers, row } = this;
    numbers.stale.set(row, isStale ? 1 : 0);
    numbers.previous.set(row, numbers.value.get(row));
    numbers.previousAt.set(row, numbers.observedAt.get(row));
    numbers.value.set(row, value);
    numbers.observedAt.set(row, observedAt);
    this.see(observedAt);
    if (!Number.isNaN(value)) this.history?.insert(observedAt, value);
  }

  /** Removes the series: it satisfies no condition, and its next value counts as its first. */
  remove(): void {
    this.numbers.value.set(this.row, NaN);
    this.numbers.seenAt.set(this.row, NaN);
  }

  /** Keeps, from now on, at least the history that a window of `windowMs` needs. */
  keepHistory(windowMs: number): void {
    this.keepMs = Math.max(this.keepMs, windowMs);
    if (this.history) return;
    this.history = new ValueHistory();
    if (!Number.isNaN(this.previous)) this.history.insert(this.previousAt, this.previous);
    if (!Number.isNaN(this.value)) this.history.insert(this.observedAt, this.value);
  }

  addQuantity(quantity: Quantity): void {
    this.quantities = [...this.quantities, quantity];
    this.relink();
  }

  dropQuantity(quantity: Quantity): void {
    this.quantities = this.quantities.filter((other) => other !== quantity);
    this.relink();
    this.keepMs = Math.max(0, ...this.quantities.map(({ windowMs }) => windowMs));
    if (this.keepMs === 0) this.history = undefined;
  }

  quantity(windowMs: number): Quantity | undefined {
    return this.quantities.find((quantity) => quantity.windowMs === windowMs);
  }

  private relink(): void {
    this.numbers.firstQuantity.set(this.row, this.quantities[0]?.row ?? -1);
    for (const [index, quantity] of this.quantities.entries()) {
      quantity.setNext(this.quantities[index + 1]);
    }
  }
}
