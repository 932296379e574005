import { Injectable } from '@nestjs/common';
import { Gauge, Histogram } from 'prom-client';
import { Metrics } from '../../platform/metrics/metrics.js';

/** Metrics of the live queries of this process. */
@Injectable()
export class LiveMetrics {
  /** Number of distinct queries with followers. */
  readonly open: Gauge;
  /** Time from the first event that could change an answer until the change is sent, seconds. */
  readonly shown: Histogram;

  constructor({ registry }: Metrics) {
    this.open = new Gauge({
      name: 'live_queries',
      help: 'Distinct live queries with at least one subscribed connection.',
      registers: [registry],
    });
    this.shown = new Histogram({
      name: 'live_query_shown_seconds',
      help: 'Time from the first event that could change an answer until the change was sent, in seconds, including the interval of the query.',
      buckets: [0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 1, 2, 5, 10],
      registers: [registry],
    });
  }
}
