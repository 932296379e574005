import type { DeadBand } from './compile-rule.js';

/** Row of the table of thresholds, as far as rules need it. */
export interface DeadBandRow {
  metric: string;
  /** Protocol, token, or `*`. */
  subject: string;
  ratio: number;
}

/** Ratios that hold if the table has no row, as in the capture. */
const BUILT_IN = { tvl: 0.01, price: 0.001 } as const;

/** Returns the dead band: the ratio by which a value must move to be published. Of the table's rows the narrowest one holds. */
export function deadBandOf(rows: readonly DeadBandRow[]): DeadBand {
  const ratios = new Map(rows.map(({ metric, subject, ratio }) => [`${metric} ${subject}`, ratio]));
  return (metric, subject) => ratios.get(`${metric} ${subject}`) ?? ratios.get(`${metric} *`) ?? BUILT_IN[metric];
}
