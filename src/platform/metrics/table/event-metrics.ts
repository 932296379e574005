import type { MetricRows } from './metric-row.js';

export const STREAMING = {
  ws_listener_status: {
    type: 'gauge',
    unit: 'state',
    help: "Source of this process's event stream: 1 the broker, 0.5 the log while the broker is silent, 0 none available.",
  },
  ws_event_routed_total: {
    type: 'counter',
    unit: 'events',
    help: 'Events sent to connections; one event sent to three connections counts as three.',
  },
  ws_event_filtered_total: {
    type: 'counter',
    unit: 'events',
    help: 'Events without a matching subscription in this process.',
  },
  event_commit_to_delivery_seconds: {
    type: 'histogram',
    unit: 'seconds',
    buckets: [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 15],
    help: 'Seconds from the capture of a change in the database to its delivery to the connections, excluding the wait of FLUSH_MS.',
  },
  ws_slow_consumers_total: {
    type: 'counter',
    unit: '1',
    labels: { step: 2 },
    help: 'Connections that read too slowly, by action: latest (switched to mode latest), closed.',
  },
  ws_replays_total: {
    type: 'counter',
    unit: '1',
    labels: { outcome: 16 },
    help: 'Subscriptions that continued from a cursor, by outcome.',
  },
  ws_replayed_events_total: {
    type: 'counter',
    unit: 'events',
    help: 'Events sent by replays.',
  },
  ws_connections: {
    type: 'gauge',
    unit: '1',
    labels: { transport: 3 },
    help: 'Open connections by transport.',
  },
  ws_subscription_count: {
    type: 'gauge',
    unit: '1',
    help: 'Subscriptions of all open connections.',
  },
  ws_filter_groups: {
    type: 'gauge',
    unit: '1',
    help: 'Distinct filters of all subscriptions.',
  },
  ws_refused_total: {
    type: 'counter',
    unit: '1',
    labels: { transport: 3, code: 32 },
    help: 'Connections refused, by transport and code.',
  },
  ws_sent_bytes_total: {
    type: 'counter',
    unit: 'bytes',
    labels: { transport: 3 },
    help: 'Bytes of events and shared messages that were given to the network, before compression and TLS, by transport.',
  },
  ws_replays_running: {
    type: 'gauge',
    unit: '1',
    help: 'Connections that are replaying the log or sending a snapshot now, and get live events afterwards.',
  },
} as const satisfies MetricRows;

export const CAPTURE = {
  sequencer_leader: {
    type: 'gauge',
    unit: 'state',
    help: '1 while this process is the leader, which numbers the events; 0 in other processes.',
  },
  event_log_lag_seconds: {
    type: 'histogram',
    unit: 'seconds',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
    help: 'Time from a change inside its transaction until it has its number in the log, in seconds, for the oldest change of each batch.',
  },
  event_log_events_total: {
    type: 'counter',
    unit: 'events',
    labels: { type: 40 },
    help: 'Events that this process numbered as the leader, by type.',
  },
  outbox_age_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'Age of the oldest change in the outbox, in seconds; NaN while the database is unavailable.',
  },
  ingest_items_total: {
    type: 'counter',
    unit: '1',
    labels: { outcome: 16 },
    help: 'Items sent to the ingest API, by outcome (accepted, rejected).',
  },
  source_polls_total: {
    type: 'counter',
    unit: '1',
    labels: { resource: 4, outcome: 16 },
    help: 'Polls of the DefiLlama API by resource and outcome (written, unchanged, failed).',
  },
  sequencer_step_seconds: {
    type: 'histogram',
    unit: 'seconds',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 10],
    help: 'Duration of the steps of the leader that numbered events, in seconds.',
  },
  sequencer_step_events: {
    type: 'histogram',
    unit: 'events',
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000],
    help: 'Events that a step of the leader numbered, of steps that numbered any.',
  },
  sequencer_lease_acquired_total: {
    type: 'counter',
    unit: '1',
    help: 'Times that this process became the leader, which numbers the events.',
  },
  capture_trigger_seconds_total: {
    type: 'counter',
    unit: 'seconds',
    labels: { trigger: 32 },
    help: 'Time in the functions of the capture triggers, in seconds, by function, of all writers since the statistics of the database were reset; no value if its setting track_functions is none.',
  },
  capture_trigger_calls_total: {
    type: 'counter',
    unit: '1',
    labels: { trigger: 32 },
    help: 'Calls of the functions of the capture triggers, by function, of all writers since the statistics of the database were reset; no value if its setting track_functions is none.',
  },
  source_breakers_open: {
    type: 'gauge',
    unit: '1',
    help: 'Hosts of the source that failed repeatedly, so that this process sends them no requests for a while.',
  },
} as const satisfies MetricRows;

export const CACHE = {
  cache_hits_total: {
    type: 'counter',
    unit: '1',
    help: 'Look-ups of keys that were in the hot cache.',
  },
  cache_misses_total: {
    type: 'counter',
    unit: '1',
    help: 'Look-ups of keys that were not in the hot cache and were read from the published state.',
  },
  hot_cache_differences: {
    type: 'gauge',
    unit: '1',
    help: 'Keys of the shared cache that differed from the published state at the last comparison; they were rewritten.',
  },
  published_state_differences: {
    type: 'gauge',
    unit: '1',
    help: 'Keys whose published value in memory differed from that in their row at the last comparison; the state was then loaded again.',
  },
} as const satisfies MetricRows;

export const HISTORY = {
  history_jobs_last_success_seconds: {
    type: 'gauge',
    unit: 'unix seconds',
    help: 'Unix time of the last successful round of the history jobs (aggregates, hourly samples, partitions).',
  },
  history_rollup_buckets_total: {
    type: 'counter',
    unit: '1',
    help: 'Hourly buckets that were recomputed because they had new points.',
  },
} as const satisfies MetricRows;
