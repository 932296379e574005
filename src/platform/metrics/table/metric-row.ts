/** Unit of the values of a metric; `1` counts things, `state` is a number with a meaning of its own. */
type MetricUnit = 'seconds' | 'bytes' | 'events' | 'blocks' | 'unix seconds' | 'state' | '1';

/** One metric of `/metrics`, as its users need it. */
export interface MetricRow {
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly unit: MetricUnit;
  /** Labels with the most values that each may have: what clients send must not make new time series. */
  readonly labels?: Readonly<Record<string, number>>;
  /** Upper bounds of a histogram's buckets, in the unit of the metric. */
  readonly buckets?: readonly number[];
  readonly help: string;
}

export type MetricRows = Readonly<Record<string, MetricRow>>;
