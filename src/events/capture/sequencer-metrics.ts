import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram } from 'prom-client';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import type { LogEvent } from '../core/log-event.js';
import { EventLog } from '../log/event-log.js';

/** Metrics of the sequencer. */
@Injectable()
export class SequencerMetrics {
  /** 1 in the process that is the leader, 0 in others. */
  readonly leader: Gauge;
  /** Age of the oldest change in the outbox, queried from the database at each scrape. */
  readonly outboxAge: Gauge;
  private readonly lag: Histogram;
  private readonly leases: Counter;
  private readonly stepSeconds: Histogram;
  private readonly stepEvents: Histogram;
  private readonly events: Counter<'type'>;

  constructor(metrics: Metrics, log: EventLog) {
    const registers = [metrics.registry];
    this.leader = new Gauge({
      ...metricOf('sequencer_leader'),
      registers,
    });
    this.lag = new Histogram({
      ...metricOf('event_log_lag_seconds'),
      registers,
    });
    this.events = new Counter({
      ...metricOf('event_log_events_total'),
      registers,
    });
    this.leases = new Counter({ ...metricOf('sequencer_lease_acquired_total'), registers });
    this.stepSeconds = new Histogram({ ...metricOf('sequencer_step_seconds'), registers });
    this.stepEvents = new Histogram({ ...metricOf('sequencer_step_events'), registers });
    this.outboxAge = new Gauge({
      ...metricOf('outbox_age_seconds'),
      registers,
      async collect() {
        this.set(await log.outboxAge().catch(() => Number.NaN));
      },
    });
  }

  /** Notes that this process became the leader. */
  led(): void {
    this.leader.set(1);
    this.leases.inc();
  }

  /** Notes a step that numbered events. */
  stepped(ms: number, events: number): void {
    if (events === 0) return;
    this.stepSeconds.observe(ms / 1_000);
    this.stepEvents.observe(events);
  }

  numbered(batch: readonly LogEvent[]): void {
    const counts = new Map<string, number>();
    let oldest = Infinity;
    for (const event of batch) {
      counts.set(event.type, (counts.get(event.type) ?? 0) + 1);
      if (event.capturedAt < oldest) oldest = event.capturedAt;
    }
    for (const [type, count] of counts) this.events.inc({ type }, count);
    const newest = batch.at(-1);
    if (newest) this.lag.observe(Math.max(0, newest.loggedAt - oldest) / 1000);
  }
}
