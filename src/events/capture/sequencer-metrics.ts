import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram } from 'prom-client';
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
  private readonly events: Counter<'type'>;

  constructor(metrics: Metrics, log: EventLog) {
    const registers = [metrics.registry];
    this.leader = new Gauge({
      name: 'sequencer_leader',
      help: '1 while this process is the leader, which numbers the events; 0 in other processes.',
      registers,
    });
    this.lag = new Histogram({
      name: 'event_log_lag_seconds',
      help: 'Time from a change inside its transaction until it has its number in the log, in seconds, for the oldest change of each batch.',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
      registers,
    });
    this.events = new Counter({
      name: 'event_log_events_total',
      help: 'Events that this process numbered as the leader, by type.',
      labelNames: ['type'],
      registers,
    });
    this.outboxAge = new Gauge({
      name: 'outbox_age_seconds',
      help: 'Age of the oldest change in the outbox, in seconds; NaN while the database is unavailable.',
      registers,
      async collect() {
        this.set(await log.outboxAge().catch(() => Number.NaN));
      },
    });
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
