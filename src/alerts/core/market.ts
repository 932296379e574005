import { RowNumbers } from './column.js';
import { DueHeap } from './due-heap.js';
import { observedTime, type HistoryPoint, type MarketRow } from './market-row.js';
import { Scope } from './scope.js';
import { Quantity, Series } from './series.js';
import { ValueHistory } from './value-history.js';
import { TvlTotal } from './tvl-total.js';
import { ANY, numberKey, TOTAL, type Measure, type WatchedNumber } from './watched.js';

/** Called for every number that rules look at and that became another, and with the first event of its series. */
export type MoveListener = (quantity: Quantity, before: number) => void;

const NO_LISTENER: MoveListener = () => undefined;

/** The series of one protocol by chain, that of its total under `TOTAL`. */
interface Protocol {
  readonly series: Map<string, Series>;
  readonly total: TvlTotal;
}

/**
 * The numbers of the market as of the evaluator's position: every series with its last two values, and what rules want
 * derived from them. Rules attach through scopes; an event reaches only the scopes that its series belongs to.
 */
export class Market {
  /** Time of the last tick, Unix ms: the only clock that windows know. */
  clock = 0;
  private readonly protocols = new Map<string, Protocol>();
  private readonly tokens = new Map<string, Map<Measure, Series>>();
  private readonly scopes = new Map<string, Scope>();
  private readonly families: Scope[] = [];
  /** Windows whose reference will move, by the time of the clock. */
  private readonly moving = new DueHeap();
  private readonly quantities: (Quantity | undefined)[] = [];
  private readonly quantityIds = new RowNumbers();

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

  /** Stored values in the order of the log, for the windows of the rules that are about to be added. */
  loadHistory(points: readonly HistoryPoint[]): void {
    const loaded = new Map<Series, { at: number; value: number }[]>();
    const note = (series: Series, at: number, value: number): void => {
      const list = loaded.get(series);
      if (list) list.push({ at, value });
      else loaded.set(series, [{ at, value }]);
    };
    const totals = new Map<string, TvlTotal>();
    for (const { metric, protocol, chain, token, value, at } of points) {
      if (metric === 'price') note(this.ensure('price', '', '', token ?? ''), at, value);
      if (protocol === null || chain === null) continue;
      note(this.ensure('tvl', protocol, chain, ''), at, value);
      const total = totals.get(protocol) ?? new TvlTotal();
      totals.set(protocol, total);
      if (total.set(chain, value)) note(this.ensure('tvl', protocol, TOTAL, ''), at, total.value);
    }
    for (const [series, earlier] of loaded) {
      earlier.sort((a, b) => a.at - b.at);
      (series.history ??= new ValueHistory()).prepend(earlier);
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

  /** Forgets a scope if no condition is in it any more; true if it did. */
  release(scope: Scope): boolean {
    if (scope.thresholds.size > 0 || !this.scopes.delete(scope.key)) return false;
    const family = this.families.indexOf(scope);
    if (family >= 0) this.families.splice(family, 1);
    for (const quantity of scope.members) this.detach(scope, quantity);
    return true;
  }

  private applyTvl(protocol: string, chain: string, value: number, at: number, listener: MoveListener): Series[] {
    const { series, total } = this.protocol(protocol);
    const ofChain = series.get(chain) ?? this.addTvl(protocol, chain, series);
    this.update(ofChain, value, at, listener);
    if (!total.set(chain, value)) return [ofChain];
    const ofAll = series.get(TOTAL) ?? this.addTvl(protocol, TOTAL, series);
    this.update(ofAll, total.value, at, listener);
    return [ofChain, ofAll];
  }

  private applyPrice(
    token: string,
    price: number,
    volume24h: number,
    marketCap: number,
    at: number,
    listener: MoveListener,
  ): Series[] {
    const ofPrice = this.ofToken('price', token);
    const ofVolume = this.ofToken('volume_24h', token);
    const ofCap = this.ofToken('market_cap', token);
    this.update(ofPrice, price, at, listener);
    this.update(ofVolume, volume24h, at, listener);
    this.update(ofCap, marketCap, at, listener);
    return [ofPrice, ofVolume, ofCap];
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
    if (measure !== 'tvl') return this.ofToken(measure, token);
    const { series } = this.protocol(protocol);
    return series.get(chain) ?? this.addTvl(protocol, chain, series);
  }

  private protocol(slug: string): Protocol {
    const known = this.protocols.get(slug);
    if (known) return known;
    const protocol = { series: new Map<string, Series>(), total: new TvlTotal() };
    this.protocols.set(slug, protocol);
    return protocol;
  }

  private addTvl(protocol: string, chain: string, siblings: Map<string, Series>): Series {
    const series = new Series('tvl', protocol, chain, '');
    siblings.set(chain, series);
    this.joinFamilies(series);
    return series;
  }

  private ofToken(measure: Measure, token: string): Series {
    const measures = this.tokens.get(token) ?? new Map<Measure, Series>();
    const known = measures.get(measure);
    if (known) return known;
    const series = new Series(measure, '', '', token);
    this.tokens.set(token, measures.set(measure, series));
    this.joinFamilies(series);
    return series;
  }

  private joinFamilies(series: Series): void {
    for (const family of this.families) if (family.includes(series)) this.attach(family, series);
  }

  /** Series that a family may include: of one protocol where it is about one, else all of their kind. */
  private *candidates({ measure, protocol }: WatchedNumber): Generator<Series> {
    if (measure !== 'tvl') for (const measures of this.tokens.values()) yield* measures.values();
    else if (protocol !== ANY) yield* this.protocols.get(protocol)?.series.values() ?? [];
    else for (const { series } of this.protocols.values()) yield* series.values();
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
