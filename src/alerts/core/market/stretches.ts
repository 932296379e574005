import type { HistoryPoint } from '../market-row.js';
import type { Series } from '../index/series.js';
import { TvlTotal } from './tvl-total.js';
import { markParts } from './whole-totals.js';
import { TOTAL, type Measure } from '../rule/watched-number.js';

/** Value and its time of observation, Unix ms. */
interface Sample {
  readonly at: number;
  readonly value: number;
}

type Ensure = (measure: Measure, protocol: string, chain: string, token: string) => Series;

/** Groups stored values, given in log order, by series, and computes those of totals; each group is sorted by time. */
export function stretchesOf(points: readonly HistoryPoint[], ensure: Ensure): Map<Series, Sample[]> {
  const loaded = new Map<Series, Sample[]>();
  const note = (series: Series, at: number, value: number): void => {
    const list = loaded.get(series);
    if (list) list.push({ at, value });
    else loaded.set(series, [{ at, value }]);
  };
  const totals = new Map<string, TvlTotal>();
  for (const { metric, protocol, chain, token, value, at, isPart } of markParts(points)) {
    if (metric === 'price') note(ensure('price', '', '', token ?? ''), at, value);
    if (protocol === null || chain === null) continue;
    note(ensure('tvl', protocol, chain, ''), at, value);
    const total = totals.get(protocol) ?? new TvlTotal();
    totals.set(protocol, total);
    if (total.set(chain, value, isPart)) note(ensure('tvl', protocol, TOTAL, ''), at, total.value);
  }
  for (const stretch of loaded.values()) stretch.sort((a, b) => a.at - b.at);
  return loaded;
}
