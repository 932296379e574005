import { Injectable } from '@nestjs/common';
import { Counter, Histogram } from 'prom-client';
import { Metrics } from '../../platform/metrics/metrics.js';

/** Metrics of deliveries, by channel. */
@Injectable()
export class DeliveryMetrics {
  private readonly deliveries: Counter<'channel' | 'state'>;
  private readonly handedOver: Histogram<'channel'>;

  constructor(metrics: Metrics) {
    this.deliveries = new Counter({
      name: 'notification_deliveries_total',
      help: 'Deliveries that reached a state, by channel.',
      labelNames: ['channel', 'state'],
      registers: [metrics.registry],
    });
    this.handedOver = new Histogram({
      name: 'notification_handover_seconds',
      help: 'Time from recording a message to its hand-over to the target, for delivered messages.',
      labelNames: ['channel'],
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3_600],
      registers: [metrics.registry],
    });
  }

  count(channel: string, state: string, number = 1): void {
    this.deliveries.inc({ channel, state }, number);
  }

  delivered(channel: string, seconds: number): void {
    this.handedOver.observe({ channel }, seconds);
  }
}
