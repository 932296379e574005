import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Registry } from 'prom-client';

/**
 * Metrics of one application. A metric is made by the class that owns it: `new Counter({ name, help, registers:
 * [metrics.registry] })`. Not prom-client's global registry, because tests run several applications in one process.
 */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }
}
