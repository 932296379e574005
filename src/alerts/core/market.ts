import { totalOverChains } from '../../events/index.js';
import { RowNumbers } from './column.js';
import { DueHeap } from './due-heap.js';
import { observedTime, type HistoryPoint, type MarketRow } from './market-row.js';
import { Scope } from './scope.js';
import { Quantity, Series } from './series.js';
import { ValueHistory } from './value-history.js';
import { countsInTotal } from './tvl-total.js';
import { ANY, numberKey, TOTAL, variablesOf, type Measure, type WatchedNumber } from './watched.js';

/** Called for every number that rules look at and that became another, and with the first event of its series. */
export type MoveListener = (quantity: Quantity, before: number) => void;

const NO_LISTENER: MoveListener = () => undefined;

/**
 * The numbers of the market as of the evaluator's position: every series with its last two values, and what rules want
 * derived from them. Rules attach through scopes; an event reaches only the scopes that its series belongs to.
 */
export class Market {
  /** Time of the last tick, Unix ms: the only clock that windows know. */
  clock = 0;
  private readonly series = new Map<string, Series>();
  private readonly ofProtocol = new Map<string, Series[]>();
  /** TVL of each protocol by chain, for its total. */
  private readonly chainsOf = new Map<string, Map<string, number>>();
  private readonly scopes = new Map<string, Scope>();
  private readonly families: Scope[] = [];
  /** Windows whose reference will move, by the time of the clock. */
  private readonly moving = new DueHeap();
  private readonly quantities: (Quantity | undefined)[] = [];
  private readonly quantityIds = new RowNumbers();

  find(measure: Measure, protocol: string, chain: string, token: string): Series | undefined {
    return this.series.get(seriesKey(measure, protocol, chain, token));
  }

  /** Takes a row of the log in; gives the series it speaks of. */
  apply(row: MarketRow, listener: MoveListener): Series[] {
    const { current } = row;
    if (current === null) return [];
    const at = observedTime(row);
    if (row.type === 'tvl_change' || row.type === 'tvl_baseline') {
      if (row.protocol === null || row.chain === null) return [];
      return this.applyTvl(row.protocol, row.chain, current, at, listener);
    }
    if ((row.type === 'price_change' || row.type === 'price_baseline') && row.token !== null) {
      return this.applyPrice(row.token, current, row.volume24h ?? NaN, row.marketCap ?? NaN, at, listener);
    }
    return [];
  }

  /** Published values from before the evaluator's position, in the order of the log. */
  seed(points: Iterable<HistoryPoint>): void {
    for (const { metric, protocol, chain, token, value, volume24h, marketCap, at } of points) {
      if (metric === 'tvl') this.applyTvl(protocol ?? '', chain ?? '', value, at, NO_LISTENER);
      else this.applyPrice(token ?? '', value, volume24h ?? NaN, marketCap ?? NaN, at, NO_LISTENER);
    }
  }

  /** Whether everything is held that this window looks back on. */
  looksBack(watched: WatchedNumber): boolean {
    const { measure, protocol, chain, token, windowMs } = watched;
    if (variablesOf(watched) === 0) return (this.find(measure, protocol, chain, token)?.keepMs ?? 0) >= windowMs;
    return this.families.some(
      ({ watched: held }) =>
        held.windowMs >= windowMs &&
        numberKey({ ...held, windowMs, absolute: false }) === numberKey({ ...watched, absolute: false }),
    );
  }

  /**
   * Stored values in the order of the log, for the windows of the rules that are about to be added: all of each series,
   * and of each chain of a protocol, from the last at or before `from` on.
   */
  loadHistory(points: readonly HistoryPoint[], from: number): void {
    const loaded = new Map<Series, { at: number; value: number }[]>();
    const note = (series: Series, at: number, value: number): void => {
      const list = loaded.get(series);
      if (list) list.push({ at, value });
      else loaded.set(series, [{ at, value }]);
    };
    const parts = new Map<string, Map<string, number>>();
    for (const { metric, protocol, chain, token, value, at } of points) {
      if (metric === 'price') note(this.ensure('price', '', '', token ?? ''), at, value);
      if (protocol === null || chain === null) continue;
      note(this.ensure('tvl', protocol, chain, ''), at, value);
      const known = parts.get(protocol) ?? new Map<string, number>();
      parts.set(protocol, known.set(chain, value));
      if (!countsInTotal(chain, known.keys())) continue;
      note(this.ensure('tvl', protocol, TOTAL, ''), at, totalOf(known));
    }
    for (const [series, stretch] of loaded) {
      stretch.sort((a, b) => a.at - b.at);
      // What lies before the first reference is incomplete: totals of chains that were not all there yet.
      const reference = stretch.findLastIndex(({ at }) => at <= from);
      (series.history ??= new ValueHistory()).replace(stretch.slice(Math.max(0, reference)));
    }
  }

  /** Moves the clock: references of windows that became older give way to their successors. */
  tick(time: number, listener: MoveListener): void {
    this.clock = Math.max(this.clock, time);
    for (let id = this.moving.popDue(this.clock); id !== undefined; id = this.moving.popDue(this.clock)) {
      const quantity = this.quantities[id];
      if (!quantity || quantity.notedDue > this.clock) continue;
      quantity.notedDue = Infinity;
      const before = quantity.value;
      if (quantity.refresh(this.clock)) listener(quantity, before);
      this.noteNextMove(quantity);
    }
  }

  /** The scope for a number; made, and joined by its series, if no rule has looked at it yet. */
  scope(watched: WatchedNumber): Scope {
    const key = numberKey(watched);
    const known = this.scopes.get(key);
    if (known) return known;
    const scope = new Scope(key, watched);
    this.scopes.set(key, scope);
    if (scope.variables === 0) {
      this.attach(scope, this.ensure(watched.measure, watched.protocol, watched.chain, watched.token));
    } else {
      this.families.push(scope);
      for (const series of this.candidates(watched)) if (scope.includes(series)) this.attach(scope, series);
    }
    return scope;
  }

  /** Forgets a scope that no condition uses any more. */
  release(scope: Scope): void {
    if (scope.thresholds.size > 0 || !this.scopes.delete(scope.key)) return;
    const family = this.families.indexOf(scope);
    if (family >= 0) this.families.splice(family, 1);
    for (const quantity of scope.members) this.detach(scope, quantity);
  }

  private applyTvl(protocol: string, chain: string, value: number, at: number, listener: MoveListener): Series[] {
    const series = this.ensure('tvl', protocol, chain, '');
    this.update(series, value, at, listener);
    const chains = this.chainsOf.get(protocol) ?? new Map<string, number>();
    this.chainsOf.set(protocol, chains.set(chain, value));
    if (!countsInTotal(chain, chains.keys())) return [series];
    const total = this.ensure('tvl', protocol, TOTAL, '');
    this.update(total, totalOf(chains), at, listener);
    return [series, total];
  }

  private applyPrice(
    token: string,
    price: number,
    volume24h: number,
    marketCap: number,
    at: number,
    listener: MoveListener,
  ): Series[] {
    const touched = [
      this.ensure('price', '', '', token),
      this.ensure('volume_24h', '', '', token),
      this.ensure('market_cap', '', '', token),
    ];
    const values = [price, volume24h, marketCap];
    for (const [index, series] of touched.entries()) this.update(series, values[index] ?? NaN, at, listener);
    return touched;
  }

  private update(series: Series, value: number, at: number, listener: MoveListener): void {
    const isFirst = Number.isNaN(series.observedAt);
    series.update(value, at);
    if (series.keepMs > 0) series.history?.forgetBefore(this.clock - series.keepMs);
    else series.history = undefined;
    for (const quantity of series.quantities) {
      const before = quantity.value;
      if (quantity.refresh(this.clock) || isFirst) listener(quantity, before);
      this.noteNextMove(quantity);
    }
  }

  private noteNextMove(quantity: Quantity): void {
    const due = quantity.nextDue(this.clock);
    if (due >= quantity.notedDue) return;
    quantity.notedDue = due;
    this.moving.push(due, quantity.id);
  }

  private ensure(measure: Measure, protocol: string, chain: string, token: string): Series {
    const key = seriesKey(measure, protocol, chain, token);
    const known = this.series.get(key);
    if (known) return known;
    const series = new Series(measure, protocol, chain, token);
    this.series.set(key, series);
    const siblings = this.ofProtocol.get(protocol);
    if (siblings) siblings.push(series);
    else if (protocol !== '') this.ofProtocol.set(protocol, [series]);
    for (const family of this.families) if (family.includes(series)) this.attach(family, series);
    return series;
  }

  /** The protocol's series where the family is of one protocol, else every series. */
  private candidates({ protocol }: WatchedNumber): Iterable<Series> {
    return protocol === '' || protocol === ANY ? this.series.values() : (this.ofProtocol.get(protocol) ?? []);
  }

  private attach(scope: Scope, series: Series): void {
    const { windowMs, absolute } = scope.watched;
    const quantity = series.quantity(windowMs) ?? this.addQuantity(series, windowMs);
    (absolute ? quantity.absolute : quantity.signed).push({ scope, member: scope.join(quantity) });
  }

  private addQuantity(series: Series, windowMs: number): Quantity {
    const quantity = new Quantity(series, windowMs, this.quantityIds.take());
    this.quantities[quantity.id] = quantity;
    series.quantities.push(quantity);
    if (windowMs > 0) {
      series.keepHistory(windowMs);
      quantity.refresh(this.clock);
      this.noteNextMove(quantity);
    } else quantity.refresh(this.clock);
    return quantity;
  }

  private detach(scope: Scope, quantity: Quantity): void {
    quantity.leave(scope);
    if (quantity.signed.length + quantity.absolute.length > 0) return;
    quantity.series.dropQuantity(quantity);
    this.quantities[quantity.id] = undefined;
    this.quantityIds.giveBack(quantity.id);
  }
}

function seriesKey(measure: Measure, protocol: string, chain: string, token: string): string {
  return measure === 'tvl' ? `${protocol} ${chain}` : `${measure} ${token}`;
}

/** Summed by the names of the chains, so that the same values always give the same total, to the last bit. */
function totalOf(chains: ReadonlyMap<string, number>): number {
  if (chains.size === 1) for (const value of chains.values()) return value;
  return totalOverChains([...chains].sort(([a], [b]) => (a < b ? -1 : 1))) ?? NaN;
}
