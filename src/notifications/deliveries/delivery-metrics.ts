import { Injectable } from '@nestjs/common';
import { Counter, Histogram } from 'prom-client';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';

/** Metrics of deliveries, by channel. */
@Injectable()
export class DeliveryMetrics {
  private readonly deliveries: Counter<'channel' | 'state'>;
  private readonly handedOver: Histogram<'channel'>;

  private readonly trips: Counter<'channel'>;

  constructor(metrics: Metrics) {
    this.deliveries = new Counter({
      ...metricOf('notification_deliveries_total'),
      registers: [metrics.registry],
    });
    this.trips = new Counter({ ...metricOf('notification_breaker_trips_total'), registers: [metrics.registry] });
    this.handedOver = new Histogram({
      ...metricOf('notification_handover_seconds'),
      registers: [metrics.registry],
    });
  }

  count(channel: string, state: string, number = 1): void {
    this.deliveries.inc({ channel, state }, number);
  }

  /** Counts a target that failed repeatedly and gets nothing for a while. */
  tripped(channel: string): void {
    this.trips.inc({ channel });
  }

  delivered(channel: string, seconds: number): void {
    this.handedOver.observe({ channel }, seconds);
  }
}
