import { Injectable, Logger } from '@nestjs/common';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { LogEvent } from '../events/index.js';
import { Clock } from '../platform/clock/clock.js';
import { Metrics } from '../platform/metrics/metrics.js';
import type { RealtimeHub } from './core/hub.js';
import type { TransportName } from './core/wire/link.js';
import type { RealtimeObserver } from './core/session/log-ports.js';
import type { ReplayFailure } from './core/session/session-calls.js';

const TRANSPORTS: readonly TransportName[] = ['socketio', 'websocket', 'sse'];
/** Buckets, seconds; the product's target is a p99 below 0.1. */
const LATENCY_BUCKETS = [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 15];

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

  constructor(
    private readonly metrics: Metrics,
    private readonly clock: Clock,
  ) {
    const registers = [metrics.registry];
    this.routedEvents = new Counter({
      name: 'ws_event_routed_total',
      help: 'Events sent to connections; one event sent to three connections counts as three.',
      registers,
    });
    this.filteredEvents = new Counter({
      name: 'ws_event_filtered_total',
      help: 'Events without a matching subscription in this process.',
      registers,
    });
    this.latency = new Histogram({
      name: 'event_commit_to_delivery_seconds',
      help: 'Seconds from the capture of a change in the database to its delivery to the connections, excluding the wait of FLUSH_MS.',
      buckets: LATENCY_BUCKETS,
      registers,
    });
    this.slowConsumers = new Counter({
      name: 'ws_slow_consumers_total',
      help: 'Connections that read too slowly, by action: latest (switched to mode latest), closed.',
      labelNames: ['step'],
      registers,
    });
    this.replays = new Counter({
      name: 'ws_replays_total',
      help: 'Subscriptions that continued from a cursor, by outcome.',
      labelNames: ['outcome'],
      registers,
    });
    this.replayedEvents = new Counter({
      name: 'ws_replayed_events_total',
      help: 'Events sent by replays.',
      registers,
    });
  }

  /** Gauges that read the hub when they are scraped. */
  observe(hub: RealtimeHub): readonly Gauge[] {
    const registers = [this.metrics.registry];
    return [
      new Gauge({
        name: 'ws_connections',
        help: 'Open connections by transport.',
        labelNames: ['transport'],
        registers,
        collect() {
          for (const transport of TRANSPORTS) this.set({ transport }, hub.sessions.countBy(transport));
        },
      }),
      new Gauge({
        name: 'ws_subscription_count',
        help: 'Subscriptions of all open connections.',
        registers,
        collect() {
          this.set(hub.subscriptionCount);
        },
      }),
      new Gauge({
        name: 'ws_filter_groups',
        help: 'Distinct filters of all subscriptions.',
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
