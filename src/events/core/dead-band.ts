/** Returns the dead band of a key: the ratio by which a value must move to be published. */
export type DeadBand = (metric: 'tvl' | 'price', subject: string) => number;

/** Columns of `change_thresholds` that rules need. */
export interface DeadBandRow {
  metric: string;
  /** Protocol, token, or `*`. */
  subject: string;
  ratio: number;
}

/** Ratios if the table has no row; the same as in the triggers that capture changes. */
const BUILT_IN = { tvl: 0.01, price: 0.001 } as const;

/** Dead bands of a database whose `change_thresholds` nobody has changed. */
export const defaultDeadBand: DeadBand = (metric) => BUILT_IN[metric];

/** Returns the dead bands that the rows give. The most specific row of the table applies. */
export function deadBandOf(rows: readonly DeadBandRow[]): DeadBand {
  const ratios = new Map(rows.map(({ metric, subject, ratio }) => [`${metric} ${subject}`, ratio]));
  return (metric, subject) => ratios.get(`${metric} ${subject}`) ?? ratios.get(`${metric} *`) ?? BUILT_IN[metric];
}
