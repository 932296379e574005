import { METRICS_TABLE } from './metrics-table.js';
import type { MetricRow } from './table/metric-row.js';

const OWN = {
  ...METRICS_TABLE.streaming,
  ...METRICS_TABLE.capture,
  ...METRICS_TABLE.cache,
  ...METRICS_TABLE.history,
  ...METRICS_TABLE.access,
  ...METRICS_TABLE.alerts,
  ...METRICS_TABLE.notifications,
  ...METRICS_TABLE.query,
  ...METRICS_TABLE.onchain,
  ...METRICS_TABLE.http,
  ...METRICS_TABLE.process,
  ...METRICS_TABLE.database,
  ...METRICS_TABLE.redis,
  ...METRICS_TABLE.queue,
  ...METRICS_TABLE.backup,
};
type Own = typeof OWN;
export type MetricName = keyof Own;

/** Names of a metric's labels. */
type LabelOf<N extends MetricName> = Own[N] extends { labels: infer L } ? Extract<keyof L, string> : never;

interface Made<L extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: L[];
  readonly buckets: number[];
}

/** Returns what prom-client needs to make the metric of that name: `new Counter({ ...metricOf('ws_replays_total'), registers })`. */
export function metricOf<N extends MetricName>(name: N): Made<LabelOf<N>> {
  const { help, labels = {}, buckets = [] }: MetricRow = OWN[name];
  return { name, help, labelNames: Object.keys(labels) as LabelOf<N>[], buckets: [...buckets] };
}
