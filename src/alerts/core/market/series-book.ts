import { SeriesNumbers } from '../index/numbers.js';
import { Series } from '../index/series.js';
import { TvlTotal } from './tvl-total.js';
import { ANY, isOfAccount, TOTAL, type Measure, type WatchedNumber } from '../rule/watched-number.js';

/** Series of one protocol by chain; the series of its total is under `TOTAL`. */
interface Protocol {
  readonly series: Map<string, Series>;
  readonly total: TvlTotal;
}

/** Series by their subject. */
export class SeriesBook {
  readonly protocols = new Map<string, Protocol>();
  /** Series of tokens and accounts by measure. */
  readonly tokens = new Map<string, Map<Measure, Series>>();
  private readonly numbers = new SeriesNumbers();

  /** @param made callback for every new series */
  constructor(private readonly made: (series: Series) => void) {}

  find(measure: Measure, protocol: string, chain: string, token: string): Series | undefined {
    return measure === 'tvl' ? this.protocols.get(protocol)?.series.get(chain) : this.tokens.get(token)?.get(measure);
  }

  /** Returns the series; creates it if it does not exist. */
  ensure(measure: Measure, protocol: string, chain: string, token: string): Series {
    if (measure !== 'tvl') return this.ofToken(measure, token);
    const { series } = this.protocol(protocol);
    return series.get(chain) ?? this.addTvl(protocol, chain, series);
  }

  protocol(slug: string): Protocol {
    const known = this.protocols.get(slug);
    if (known) return known;
    const protocol = { series: new Map<string, Series>(), total: new TvlTotal() };
    this.protocols.set(slug, protocol);
    return protocol;
  }

  addTvl(protocol: string, chain: string, siblings: Map<string, Series>): Series {
    const series = new Series(this.numbers, 'tvl', protocol, chain, '');
    siblings.set(chain, series);
    this.made(series);
    return series;
  }

  /** Removes a chain: its removal is no fall of the total, and its next value counts as its first. */
  removeTvl(protocol: string, chain: string): void {
    const held = this.protocols.get(protocol);
    if (!held) return;
    held.series.get(chain)?.remove();
    if (!held.total.remove(chain)) return;
    const total = held.series.get(TOTAL);
    total?.remove();
    for (const [name, { seenAt }] of held.series) if (held.total.counts(name)) total?.see(seenAt);
  }

  /** Removes the price of a token and the numbers that come with it: its next value counts as its first. */
  removePrice(token: string): void {
    for (const [measure, series] of this.tokens.get(token) ?? []) if (!isOfAccount(measure)) series.remove();
  }

  /** Returns the series of a token or, for a measure of accounts, of an account. */
  ofToken(measure: Measure, token: string): Series {
    const measures = this.tokens.get(token) ?? new Map<Measure, Series>();
    const known = measures.get(measure);
    if (known) return known;
    const series = new Series(this.numbers, measure, '', '', token);
    this.tokens.set(token, measures.set(measure, series));
    this.made(series);
    return series;
  }

  /**
   * Yields the series that a family may include: those of its protocol or token if it names one, otherwise all of the
   * measure.
   */
  *candidates({ measure, protocol, token }: WatchedNumber): Generator<Series> {
    if (measure !== 'tvl' && token !== ANY) yield* this.tokens.get(token)?.values() ?? [];
    else if (measure !== 'tvl') for (const measures of this.tokens.values()) yield* measures.values();
    else if (protocol !== ANY) yield* this.protocols.get(protocol)?.series.values() ?? [];
    else for (const { series } of this.protocols.values()) yield* series.values();
  }
}
