import type { QuantityNumbers } from '../index/numbers.js';
import type { MoveListener, Quantity } from '../index/quantity.js';
import { isAmong } from '../index/scope.js';
import type { Series } from '../index/series.js';
import type { Observation } from '../market-row.js';
import { ABSENCE, TOTAL, type WatchedNumber } from '../rule/watched-number.js';
import type { SeriesBook } from './series-book.js';

/** Quantities that count minutes without an observation; they increase with each tick. */
export class Absences {
  private readonly quantities = new Set<Quantity>();

  /** @param moved callback for a quantity that may have changed */
  constructor(
    private readonly series: SeriesBook,
    private readonly numbers: QuantityNumbers,
    private readonly moved: (row: number, before: number, listener: MoveListener) => void,
  ) {}

  add(quantity: Quantity): void {
    if (quantity.windowMs === ABSENCE) this.quantities.add(quantity);
  }

  remove(quantity: Quantity): void {
    this.quantities.delete(quantity);
  }

  /** Yields the quantities that reach a threshold at a time. */
  *overdue(at: number): Generator<Quantity> {
    for (const quantity of this.quantities) if (quantity.series.absence(at) >= quantity.lowestThreshold) yield quantity;
  }

  /** Yields the series of a number or family that at a time have no observation for at least `minutes`. */
  *unobserved(watched: WatchedNumber, minutes: number, at: number): Generator<Series> {
    for (const series of this.series.candidates(watched)) {
      if (isAmong(watched, series) && series.absence(at) >= minutes) yield series;
    }
  }

  /**
   * Records the last observation of a key, published or not; null: the row no longer exists. Keys that were never
   * published are ignored.
   */
  observe({ metric, protocol, chain, token, at }: Observation, clock: number, listener: MoveListener): void {
    const held = this.series.protocols.get(protocol ?? '');
    const series =
      metric === 'price' ? this.series.tokens.get(token ?? '')?.get('price') : held?.series.get(chain ?? TOTAL);
    if (series) this.see(series, at, clock, listener);
    const total = held?.series.get(TOTAL);
    if (at !== null && total && chain !== null && held?.total.counts(chain)) this.see(total, at, clock, listener);
  }

  tick(clock: number, listener: MoveListener): void {
    for (const quantity of this.quantities) this.recount(quantity, clock, listener);
  }

  private see(series: Series, at: number | null, clock: number, listener: MoveListener): void {
    if (at === null) series.remove();
    else if (Number.isNaN(series.seenAt) || !series.see(at)) return;
    const quantity = series.quantity(ABSENCE);
    if (quantity) this.recount(quantity, clock, listener);
  }

  private recount(quantity: Quantity, clock: number, listener: MoveListener): void {
    const before = quantity.value;
    this.numbers.refresh(quantity.row, quantity.series, clock);
    this.moved(quantity.row, before, listener);
  }
}
