import type { PriceRow, TvlRow } from '../../ingest/table-writer.js';
import type { PriceSeries, SamplePack, TvlSeries } from './sample-pack.js';

/** Rows that must be written now. */
interface DueRows {
  tvl: TvlRow[];
  prices: PriceRow[];
}

/**
 * Relative change since the last write at which an interpolated row is written. It is a tenth of the default threshold of
 * TVL, so events occur within 0.1 % of that threshold, and 2,000 protocols need about 50 rows a second.
 */
const GRAIN = 0.001;
const RECORDED = ['sample'];
const INTERPOLATED = ['sample', 'interpolated'];
/** Confidence of interpolated values. */
const INTERPOLATED_CONFIDENCE = 0.8;

/** Computes the rows to write as the playback advances. Stores the position in memory; does not use the database. */
export class SamplePlayer {
  private readonly tvl: Shown<TvlSeries>[];
  private readonly prices: Shown<PriceSeries>[];

  constructor(
    pack: SamplePack,
    private position: number,
  ) {
    this.tvl = pack.tvl.map((series) => new Shown(series, position));
    this.prices = pack.prices.map((series) => new Shown(series, position));
  }

  /** Position of the playback: seconds played at speed 1 since the first start. */
  get played(): number {
    return this.position;
  }

  /** Returns all rows at the current position, for an empty database. */
  all(now: number): DueRows {
    return {
      tvl: this.tvl.map(({ series, value, recorded }) => tvlRow(series, value, recorded, now)),
      prices: this.prices.map(({ series, value }) => priceRow(series, value, now)),
    };
  }

  /**
   * Advances the playback by `seconds` and returns the rows to write. If a series passes several points, only the last one
   * is written.
   */
  advance(seconds: number, now: number): DueRows {
    this.position += seconds;
    return {
      tvl: this.tvl
        .filter((shown) => shown.move(this.position))
        .map(({ series, value, recorded }) => tvlRow(series, value, recorded, now)),
      prices: this.prices
        .filter((shown) => shown.move(this.position))
        .map(({ series, value }) => priceRow(series, value, now)),
    };
  }
}

/** Series with its last written value. */
class Shown<Series extends TvlSeries | PriceSeries> {
  value: number;
  /** Whether `value` was recorded, not interpolated. */
  recorded: boolean;
  private ordinal: number;

  constructor(
    readonly series: Series,
    played: number,
  ) {
    const reading = series.track.at(played);
    this.ordinal = reading.ordinal;
    this.value = reading.value;
    this.recorded = reading.value === reading.recorded;
  }

  /** Advances to a position; returns whether the row must be written. */
  move(played: number): boolean {
    const { ordinal, recorded, value } = this.series.track.at(played);
    if (ordinal !== this.ordinal) {
      this.ordinal = ordinal;
      this.value = recorded;
      this.recorded = true;
      return true;
    }
    if (Math.abs(value - this.value) < GRAIN * this.value) return false;
    this.value = value;
    this.recorded = value === recorded;
    return true;
  }
}

function tvlRow({ protocol, chain, source }: TvlSeries, tvl: number, recorded: boolean, now: number): TvlRow {
  const confidence = recorded ? 1 : INTERPOLATED_CONFIDENCE;
  return { protocol, chain, tvl, source, confidence, tags: recorded ? RECORDED : INTERPOLATED, observedAt: now };
}

function priceRow({ token, symbol, chain, source }: PriceSeries, price: number, now: number): PriceRow {
  const unknown = { volume24h: null, marketCap: null };
  return { token, symbol, chain, price, ...unknown, source, confidence: 1, tags: RECORDED, observedAt: now };
}
