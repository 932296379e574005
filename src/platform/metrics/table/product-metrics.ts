import type { MetricRows } from './metric-row.js';

export const ACCESS = {
  limits_shared: {
    type: 'gauge',
    unit: 'state',
    help: '1 if limits are counted in Redis over all processes; 0 if each process counts for itself.',
  },
} as const satisfies MetricRows;

export const ALERTS = {
  alert_rules: {
    type: 'gauge',
    unit: '1',
    labels: { shard: 64 },
    help: 'Active alert rules evaluated by this process.',
  },
  alert_transitions_total: {
    type: 'counter',
    unit: '1',
    labels: { state: 8, outcome: 16 },
    help: 'Transitions recorded by this process, by outcome: notified (the owner was notified), or the reason why not.',
  },
  alert_commit_to_transition_seconds: {
    type: 'histogram',
    unit: 'seconds',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
    help: 'Time from the numbering of an event in the log to the commit of the transitions that it caused.',
  },
  alert_evaluation_seconds: {
    type: 'histogram',
    unit: 'seconds',
    buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5],
    help: 'Time to evaluate one batch of the log against the rules of one shard.',
  },
  alert_shard_loads_total: {
    type: 'counter',
    unit: '1',
    help: 'Number of times this process loaded the rules of a shard: after a start, a take-over or an error.',
  },
} as const satisfies MetricRows;

export const NOTIFICATIONS = {
  notification_deliveries_total: {
    type: 'counter',
    unit: '1',
    labels: { channel: 8, state: 8 },
    help: 'Deliveries that reached a state, by channel.',
  },
  notification_handover_seconds: {
    type: 'histogram',
    unit: 'seconds',
    labels: { channel: 8 },
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3_600],
    help: 'Time from recording a message to its hand-over to the target, for delivered messages.',
  },
  notification_breaker_trips_total: {
    type: 'counter',
    unit: '1',
    labels: { channel: 8 },
    help: 'Times that a target failed repeatedly and then got nothing for a while, by channel.',
  },
} as const satisfies MetricRows;

export const QUERY = {
  query_cache_hits_total: {
    type: 'counter',
    unit: '1',
    help: 'Queries whose result was in the cache.',
  },
  query_cache_misses_total: {
    type: 'counter',
    unit: '1',
    help: 'Queries whose result was not in the cache.',
  },
  query_refused_total: {
    type: 'counter',
    unit: '1',
    help: 'Queries refused with 503 because they would have waited too long for a connection.',
  },
  query_waiting: {
    type: 'gauge',
    unit: '1',
    help: 'Queries that wait for a connection.',
  },
  live_queries: {
    type: 'gauge',
    unit: '1',
    help: 'Distinct live queries with at least one subscribed connection.',
  },
  live_query_shown_seconds: {
    type: 'histogram',
    unit: 'seconds',
    buckets: [0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 1, 2, 5, 10],
    help: 'Time from the first event that could change an answer until the change was sent, in seconds, including the interval of the query.',
  },
  query_duration_seconds: {
    type: 'histogram',
    unit: 'seconds',
    labels: { cache: 4 },
    buckets: [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    help: 'Duration of answered queries in seconds, by result of the cache look-up.',
  },
} as const satisfies MetricRows;
