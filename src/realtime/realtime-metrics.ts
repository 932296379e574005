import { Injectable, Logger } from '@nestjs/common';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { LogEvent } from '../events/index.js';
import { Clock } from '../platform/clock/clock.js';
import { metricOf } from '../platform/metrics/metric-of.js';
import { Metrics } from '../platform/metrics/metrics.js';
import type { RealtimeHub } from './core/hub.js';
import type { TransportName } from './core/wire/link.js';
import type { RealtimeObserver } from './core/session/log-ports.js';
import type { ReplayFailure } from './core/session/session-calls.js';

import type { WriteBatches } from './transports/sending/write-batches.js';

const TRANSPORTS: readonly TransportName[] = ['socketio', 'websocket', 'sse'];

/** Metrics of the connections of this process. */
@Injectable()
export class RealtimeMetrics implements RealtimeObserver {
  private readonly logger = new Logger(RealtimeMetrics.name);
  private readonly routedEvents: Counter;
  private readonly filteredEvents: Counter;
  private readonly latency: Histogram;
  private readonly slowConsumers: Counter<'step'>;
  private readonly replays: Counter<'outcome'>;
  private readonly replayedEvents: Counter;
  private readonly replaysRunning: Gauge;

  constructor(
    private readonly metrics: Metrics,
    private readonly clock: Clock,
  ) {
    const registers = [metrics.registry];
    this.routedEvents = new Counter({
      ...metricOf('ws_event_routed_total'),
      registers,
    });
    this.filteredEvents = new Counter({
      ...metricOf('ws_event_filtered_total'),
      registers,
    });
    this.latency = new Histogram({
      ...metricOf('event_commit_to_delivery_seconds'),
      registers,
    });
    this.slowConsumers = new Counter({
      ...metricOf('ws_slow_consumers_total'),
      registers,
    });
    this.replays = new Counter({
      ...metricOf('ws_replays_total'),
      registers,
    });
    this.replaysRunning = new Gauge({ ...metricOf('ws_replays_running'), registers });
    this.replayedEvents = new Counter({
      ...metricOf('ws_replayed_events_total'),
      registers,
    });
  }

  /** Counter that reads the sent bytes when it is scraped. */
  observeWrites({ sentBytes }: WriteBatches): Counter {
    return new Counter({
      ...metricOf('ws_sent_bytes_total'),
      registers: [this.metrics.registry],
      collect() {
        this.reset();
        for (const transport of TRANSPORTS) this.inc({ transport }, sentBytes[transport]);
      },
    });
  }

  /** Gauges that read the hub when they are scraped. */
  observe(hub: RealtimeHub): readonly Gauge[] {
    const registers = [this.metrics.registry];
    return [
      new Gauge({
        ...metricOf('ws_connections'),
        registers,
        collect() {
          for (const transport of TRANSPORTS) this.set({ transport }, hub.sessions.countBy(transport));
        },
      }),
      new Gauge({
        ...metricOf('ws_subscription_count'),
        registers,
        collect() {
          this.set(hub.subscriptionCount);
        },
      }),
      new Gauge({
        ...metricOf('ws_filter_groups'),
        registers,
        collect() {
          this.set(hub.groupCount);
        },
      }),
    ];
  }

  routed(event: LogEvent, connections: number): void {
    if (connections === 0) {
      this.filteredEvents.inc();
      return;
    }
    this.routedEvents.inc(connections);
    this.latency.observe(Math.max(0, this.clock.now() - event.capturedAt) / 1_000);
  }

  replayed(outcome: 'recovered' | ReplayFailure | 'failed', events: number): void {
    this.replays.inc({ outcome });
    this.replayedEvents.inc(events);
  }

  replaying(change: 1 | -1): void {
    this.replaysRunning.inc(change);
  }

  slowConsumer(step: 'latest' | 'closed'): void {
    this.slowConsumers.inc({ step });
  }

  failed(event: LogEvent, error: unknown): void {
    this.logger.error(
      { err: error, seq: event.seq, type: event.type },
      'row of the log cannot be converted to an event',
    );
  }
}
