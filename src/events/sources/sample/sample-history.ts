import type { HistoryPoint } from '../../history/history-backfill.js';
import type { PriceSeries, SamplePack, TvlSeries } from './sample-pack.js';

const HOUR_S = 3_600;
const HISTORY_S = 30 * 24 * HOUR_S;
/** Protocols that get a point an hour; the others get one every half day beside the recorded ones. */
const DENSE = 100;
const DENSE_STEP_S = HOUR_S;
const SPARSE_STEP_S = 12 * HOUR_S;
const PRICE_STEP_S = HOUR_S / 2;

/**
 * The 30 days before the play began, as the recordings tell them: played backwards from there, a recorded second per
 * second, so what comes after joins without a jump. About 270,000 points.
 */
export function* sampleHistory(pack: SamplePack, begunAt: number): Generator<HistoryPoint> {
  for (const [rank, series] of pack.tvl.entries()) yield* tvlHistory(series, begunAt, rank < DENSE);
  for (const series of pack.prices) yield* priceHistory(series, begunAt);
}

function* tvlHistory(series: TvlSeries, begunAt: number, dense: boolean): Generator<HistoryPoint> {
  const { track, historyPace, protocol, chain } = series;
  const point = (ago: number, value: number): HistoryPoint => {
    return { metric: 'tvl', subject: protocol, chain, at: Math.round(begunAt - ago * 1000), value };
  };
  if (series.interpolated) {
    for (const { ago, value } of track.passings(historyPace, HISTORY_S)) yield point(ago, value);
  }
  const step = dense || !series.interpolated ? DENSE_STEP_S : SPARSE_STEP_S;
  for (let ago = step; ago <= HISTORY_S; ago += step) yield point(ago, track.before(ago, historyPace).value);
}

function* priceHistory(series: PriceSeries, begunAt: number): Generator<HistoryPoint> {
  const { track, historyPace, token } = series;
  for (let ago = PRICE_STEP_S; ago <= HISTORY_S; ago += PRICE_STEP_S) {
    const { value } = track.before(ago, historyPace);
    yield { metric: 'price', subject: token, chain: null, at: Math.round(begunAt - ago * 1000), value };
  }
}
