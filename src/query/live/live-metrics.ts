import { Injectable } from '@nestjs/common';
import { Gauge, Histogram } from 'prom-client';
import { metricOf } from '../../platform/metrics/metric-of.js';
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
      ...metricOf('live_queries'),
      registers: [registry],
    });
    this.shown = new Histogram({
      ...metricOf('live_query_shown_seconds'),
      registers: [registry],
    });
  }
}
