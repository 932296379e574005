import { DueHeap } from '../structures/due-heap.js';
import {
  observedTime,
  type AccountNumbers,
  type HistoryPoint,
  type MarketRow,
  type Observation,
} from '../market-row.js';
import { QuantityNumbers } from '../index/numbers.js';
import { Quantity, type MoveListener } from '../index/quantity.js';
import { Scope } from '../index/scope.js';
import { Absences } from './absences.js';
import { accountNumbersOf, Accounts } from './accounts.js';
import { Filters } from './filters.js';
import type { Series } from '../index/series.js';
import { SeriesBook } from './series-book.js';
import { stretchesOf } from './stretches.js';
import { ValueHistory } from '../structures/value-history.js';
import { numberKey, seriesKey, TOTAL, variablesOf, type WatchedNumber } from '../rule/watched-number.js';

/**
 * Observation of a value: its time (Unix ms), whether the publication was too late, and category and tags in the same
 * event, and whether the protocol's total is completed by a later row (`rowsWithParts`).
 */
interface Observed {
  readonly at: number;
  readonly isStale: boolean;
  readonly category: string | null | undefined;
  readonly tags: readonly string[] | undefined;
  readonly isPart: boolean;
}

const NO_LISTENER: MoveListener = () => undefined;

/**
 * Numbers of the market at the evaluator's position: every series with its last two values, and the numbers that rules
 * derive from them. Rules attach to numbers through scopes; an event is matched only with the scopes of its series.
 */
export class Market {
  /** Time of the last tick, Unix ms: the only clock of windows. */
  clock = 0;
  private readonly series = new SeriesBook((series) => this.joinFamilies(series));
  private readonly scopes = new Map<string, Scope>();
  private readonly families: Scope[] = [];
  /** Families whose filter admits only some of their members. */
  readonly filters = new Filters(this.series);
  readonly accounts = new Accounts(this.series);
  /** Windows by the tick time at which their reference changes. */
  private readonly moving = new DueHeap();
  private readonly numbers = new QuantityNumbers();
  readonly absences = new Absences(this.series, this.numbers, (...moved) => this.moved(...moved));
  private readonly quantities: (Quantity | undefined)[] = [];

  /** @param staleAfterMs a value observed longer than this before it was published is stale */
  constructor(private readonly staleAfterMs: number) {}

  /** Applies a row of the log; returns the series that it concerns. */
  apply(row: MarketRow, listener: MoveListener, isPart: boolean): Series[] {
    const { category, tags } = row;
    if (row.type === 'protocol_update' && row.protocol !== null)
      this.filters.protocol(row.protocol, { category, chain: TOTAL });
    if (row.type === 'tvl_removed') this.series.removeTvl(row.protocol ?? '', row.chain ?? '');
    if (row.type === 'price_removed') this.series.removePrice(row.token ?? '');
    const isStale = this.isStale(row.observedAt, row.loggedAt);
    const observed = { at: observedTime(row), isStale, category, tags, isPart };
    const numbers = accountNumbersOf(row);
    if (numbers) return this.accounts.apply(numbers, (series, value) => this.update(series, value, observed, listener));
    const { current } = row;
    if (current === null) return [];
    if (row.type === 'tvl_change' || row.type === 'tvl_baseline') {
      if (row.protocol === null || row.chain === null) return [];
      return this.applyTvl(row.protocol, row.chain, current, observed, listener);
    }
    if ((row.type === 'price_change' || row.type === 'price_baseline') && row.token !== null) {
      return this.applyPrice(row.token, current, row.volume24h ?? NaN, row.marketCap ?? NaN, observed, listener);
    }
    return [];
  }

  /** Loads values that were published before the evaluator's position, in log order. */
  seed(points: Iterable<HistoryPoint>): void {
    for (const { metric, protocol, chain, token, value, volume24h, marketCap, ...point } of points) {
      const { at, loggedAt, category, tags, isPart = false } = point;
      const observed = { at, isStale: this.isStale(at, loggedAt ?? at), category, tags, isPart };
      if (metric === 'tvl') this.applyTvl(protocol ?? '', chain ?? '', value, observed, NO_LISTENER);
      else this.applyPrice(token ?? '', value, volume24h ?? NaN, marketCap ?? NaN, observed, NO_LISTENER);
    }
  }

  /** Loads the numbers of an account for rules that are added right after, unless they are known here. */
  seedAccount({ at, ...numbers }: AccountNumbers): void {
    const observed = { at, isStale: false, category: undefined, tags: undefined, isPart: false };
    this.accounts.seed(numbers, (series, value) => this.update(series, value, observed, NO_LISTENER));
  }

  /** Whether memory contains all the history that this window needs. */
  looksBack(watched: WatchedNumber): boolean {
    const { measure, protocol, chain, token, windowMs } = watched;
    if (variablesOf(watched) === 0) return (this.series.find(measure, protocol, chain, token)?.keepMs ?? 0) >= windowMs;
    return this.families.some(
      ({ watched: held }) => held.windowMs >= windowMs && seriesKey(held) === seriesKey(watched),
    );
  }

  /**
   * Loads stored values, in log order, for the windows of rules that are added right after: for each series, and for each
   * chain of a protocol, all values from the last one at or before `from`.
   */
  loadHistory(points: readonly HistoryPoint[], from: number): void {
    const ensure = this.series.ensure.bind(this.series);
    for (const [series, stretch] of stretchesOf(points, ensure)) {
      // Values before the first reference are incomplete: some chains of a total are missing in them.
      const reference = stretch.findLastIndex(({ at }) => at <= from);
      (series.history ??= new ValueHistory()).replace(stretch.slice(Math.max(0, reference)));
      for (const { row } of series.quantities) this.numbers.historyChanged(row);
    }
  }

  /** Records the last observation of a key, published or not; null: the row no longer exists. */
  observe(observation: Observation, listener: MoveListener): void {
    this.absences.observe(observation, this.clock, listener);
  }

  /** Advances the clock: the references of windows change, and minutes of absence increase. */
  tick(time: number, listener: MoveListener): void {
    this.clock = Math.max(this.clock, time);
    this.absences.tick(this.clock, listener);
    for (let row = this.moving.popDue(this.clock); row !== undefined; row = this.moving.popDue(this.clock)) {
      const quantity = this.quantities[row];
      if (!quantity || this.numbers.notedDue.get(row) > this.clock) continue;
      this.numbers.notedDue.set(row, Infinity);
      const before = quantity.value;
      this.noteDue(row, this.numbers.refresh(row, quantity.series, this.clock));
      this.moved(row, before, listener);
    }
  }

  /**
   * Returns the scope of a watched number or family of numbers. If no rule watches them yet, creates the scope and attaches the
   * series that belong to it.
   */
  scope(watched: WatchedNumber): Scope {
    const key = numberKey(watched);
    const known = this.scopes.get(key);
    if (known) return known;
    const scope = new Scope(key, watched, this.numbers);
    this.scopes.set(key, scope);
    if (scope.variables === 0) {
      this.attach(scope, this.series.ensure(watched.measure, watched.protocol, watched.chain, watched.token));
    } else {
      this.families.push(scope);
      this.filters.add(scope);
      this.accounts.add(scope);
      for (const series of this.series.candidates(watched)) if (scope.includes(series)) this.attach(scope, series);
    }
    return scope;
  }

  /** Drops a scope without conditions; returns whether it was dropped. */
  release(scope: Scope): boolean {
    if (scope.thresholds.size > 0 || !this.scopes.delete(scope.key)) return false;
    const family = this.families.indexOf(scope);
    if (family >= 0) this.families.splice(family, 1);
    this.filters.remove(scope);
    this.accounts.remove(scope);
    for (const quantity of scope.members) this.detach(scope, quantity);
    return true;
  }

  isStale(observedAt: number, loggedAt: number): boolean {
    return loggedAt - observedAt > this.staleAfterMs;
  }

  private applyTvl(
    protocol: string,
    chain: string,
    value: number,
    observed: Observed,
    listener: MoveListener,
  ): Series[] {
    const { series, total } = this.series.protocol(protocol);
    const ofChain = series.get(chain) ?? this.series.addTvl(protocol, chain, series);
    const { category, tags, isPart } = observed;
    const isWhole = total.set(chain, value, isPart);
    const { isSum: wasSum, value: before } = total.before;
    const isAnew = total.isSum !== wasSum || Number.isNaN(before);
    const size = isWhole ? Math.max(total.value, isAnew ? 0 : before) : undefined;
    this.filters.protocol(protocol, { category, chain, tags, size });
    this.update(ofChain, value, observed, listener);
    if (!isWhole) return [ofChain];
    const ofAll = series.get(TOTAL) ?? this.series.addTvl(protocol, TOTAL, series);
    // When the first real chain replaces the total that the source gave, this is no fall of the total and no observation
    // of the same total.
    if (total.isSum !== wasSum) ofAll.remove();
    this.update(ofAll, total.value, observed, listener);
    return [ofChain, ofAll];
  }

  private applyPrice(
    token: string,
    price: number,
    volume24h: number,
    marketCap: number,
    observed: Observed,
    listener: MoveListener,
  ): Series[] {
    const ofPrice = this.series.ofToken('price', token);
    const ofVolume = this.series.ofToken('volume_24h', token);
    const ofCap = this.series.ofToken('market_cap', token);
    this.filters.token(token, { chain: TOTAL, tags: observed.tags });
    this.update(ofPrice, price, observed, listener);
    const updated = [ofPrice];
    if (this.updateMember(ofVolume, volume24h, observed, listener)) updated.push(ofVolume);
    if (this.updateMember(ofCap, marketCap, observed, listener)) updated.push(ofCap);
    return updated;
  }

  /**
   * Updates volume or market cap; returns false if the event does not contain it: then the previous value stays until it
   * is stale.
   */
  private updateMember(series: Series, value: number, observed: Observed, listener: MoveListener): boolean {
    if (Number.isNaN(value) && observed.at - series.observedAt <= this.staleAfterMs) return false;
    this.update(series, value, observed, listener);
    return true;
  }

  private update(series: Series, value: number, { at, isStale }: Observed, listener: MoveListener): void {
    const isFirst = Number.isNaN(series.observedAt);
    series.update(value, at, isStale);
    if (series.keepMs > 0) series.history?.forgetBefore(this.clock - series.keepMs);
    else series.history = undefined;
    const { numbers } = this;
    for (let row = series.firstQuantity; row >= 0; row = numbers.next.get(row)) {
      const before = numbers.value.get(row);
      this.noteDue(row, numbers.refresh(row, series, this.clock, at));
      this.moved(row, before, listener, isFirst);
    }
  }

  /** Notifies the listener that a number may have changed, unless the move reached no threshold. */
  private moved(row: number, before: number, listener: MoveListener, isFirst = false): void {
    const after = this.numbers.value.get(row);
    if (this.numbers.isWithinBounds(row, before, after) || (Object.is(before, after) && !isFirst)) return;
    this.quantities[row]?.moved(before, after, listener);
  }

  private noteDue(row: number, due: number): void {
    if (due >= this.numbers.notedDue.get(row)) return;
    this.numbers.notedDue.set(row, due);
    this.moving.push(due, row);
  }

  private joinFamilies(series: Series): void {
    for (const family of this.families) if (family.includes(series)) this.attach(family, series);
  }

  private attach(scope: Scope, series: Series): void {
    const { windowMs } = scope.watched;
    const quantity = series.quantity(windowMs) ?? this.addQuantity(series, windowMs);
    quantity.join(scope);
    this.filters.admit(scope, quantity);
  }

  private addQuantity(series: Series, windowMs: number): Quantity {
    const quantity = new Quantity(this.numbers, series, windowMs);
    this.quantities[quantity.row] = quantity;
    if (windowMs > 0) series.keepHistory(windowMs);
    this.absences.add(quantity);
    series.addQuantity(quantity);
    this.noteDue(quantity.row, this.numbers.refresh(quantity.row, series, this.clock));
    return quantity;
  }

  private detach(scope: Scope, quantity: Quantity): void {
    quantity.leave(scope);
    if (!quantity.isUnused) return;
    this.absences.remove(quantity);
    quantity.series.dropQuantity(quantity);
    this.quantities[quantity.row] = undefined;
    this.numbers.remove(quantity.row);
  }
}
