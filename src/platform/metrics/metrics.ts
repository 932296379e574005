import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Registry } from 'prom-client';

/**
 * Metrics of one application. Each class creates its own metrics from the rows of the table: `new Counter({
 * ...metricOf('ws_replays_total'), registers: [metrics.registry] })`. prom-client's global registry is not used, because tests
 * run several applications in one process.
 */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }
}
