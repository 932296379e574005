import type { HistoryPoint } from '../../history/history-backfill.js';
import type { PriceSeries, SamplePack, TvlSeries } from './sample-pack.js';

const HOUR_SECONDS = 3_600;
const HISTORY_S = 30 * 24 * HOUR_SECONDS;
/** Number of protocols with a point per hour; the others have a point per half day in addition to the recorded ones. */
const HOURLY_PROTOCOLS = 50;
const DENSE_STEP_S = HOUR_SECONDS;
const SPARSE_STEP_S = 12 * HOUR_SECONDS;
const PRICE_STEP_S = HOUR_SECONDS;
/** Ages of the points needed for changes over an hour, a day and a week, seconds. */
const REFERENCES_S = [HOUR_SECONDS, 24 * HOUR_SECONDS, 7 * 24 * HOUR_SECONDS];

/**
 * Yields the 30 days of history before the playback began, about 210,000 points: the recordings played backwards from its
 * start, so that the values continue without a jump.
 */
export function* sampleHistory(pack: SamplePack, begunAt: number): Generator<HistoryPoint> {
  for (const [rank, series] of pack.tvl.entries()) yield* tvlHistory(series, begunAt, rank < HOURLY_PROTOCOLS);
  for (const series of pack.prices) yield* priceHistory(series, begunAt);
}

/** Yields only the points that are needed for changes over an hour, a day and a week. */
export function* sampleReferences(pack: SamplePack, begunAt: number): Generator<HistoryPoint> {
  for (const series of [...pack.tvl, ...pack.prices]) {
    for (const ago of REFERENCES_S) {
      const { value } = series.track.before(ago, series.historyPace);
      yield 'token' in series ? pricePoint(series, begunAt, ago, value) : tvlPoint(series, begunAt, ago, value);
    }
  }
}

function* tvlHistory(series: TvlSeries, begunAt: number, dense: boolean): Generator<HistoryPoint> {
  const { track, historyPace } = series;
  if (series.interpolated) {
    for (const { ago, value } of track.passings(historyPace, HISTORY_S)) yield tvlPoint(series, begunAt, ago, value);
  }
  const step = dense || !series.interpolated ? DENSE_STEP_S : SPARSE_STEP_S;
  for (let ago = step; ago <= HISTORY_S; ago += step) {
    yield tvlPoint(series, begunAt, ago, track.before(ago, historyPace).value);
  }
}

function* priceHistory(series: PriceSeries, begunAt: number): Generator<HistoryPoint> {
  for (let ago = PRICE_STEP_S; ago <= HISTORY_S; ago += PRICE_STEP_S) {
    yield pricePoint(series, begunAt, ago, series.track.before(ago, series.historyPace).value);
  }
}

function tvlPoint({ protocol, chain }: TvlSeries, begunAt: number, ago: number, value: number): HistoryPoint {
  return { metric: 'tvl', subject: protocol, chain, at: Math.round(begunAt - ago * 1000), value };
}

function pricePoint({ token }: PriceSeries, begunAt: number, ago: number, value: number): HistoryPoint {
  return { metric: 'price', subject: token, chain: null, at: Math.round(begunAt - ago * 1000), value };
}
