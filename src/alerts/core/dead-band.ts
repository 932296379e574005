import type { DeadBand } from './compile-rule.js';

/** A row of the table of thresholds, as far as rules need it. */
export interface DeadBandRow {
  metric: string;
  /** A protocol, a token, or `*`. */
  subject: string;
  ratio: number;
}

/** Ratios that hold when the table has no row, as the capture has them. */
const BUILT_IN = { tvl: 0.01, price: 0.001 } as const;

/** How far a value must move to be published, by the rows of the table: the narrowest one holds. */
export function deadBandOf(rows: readonly DeadBandRow[]): DeadBand {
  const ratios = new Map(rows.map(({ metric, subject, ratio }) => [`${metric} ${subject}`, ratio]));
  return (metric, subject) => ratios.get(`${metric} ${subject}`) ?? ratios.get(`${metric} *`) ?? BUILT_IN[metric];
}
