import type { MetricRows } from './metric-row.js';

export const HTTP = {
  http_request_duration_seconds: {
    type: 'histogram',
    unit: 'seconds',
    labels: { method: 9, route: 200, status: 40 },
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    help: 'Time from the arrival of a request until the last byte of its answer is sent, in seconds.',
  },
} as const satisfies MetricRows;

export const PROCESS = {
  event_loop_long_turns_total: {
    type: 'counter',
    unit: '1',
    labels: { cause: 512 },
    help: 'Turns of the event loop longer than 25 ms of processor time, by cause (route, message type, job).',
  },
  event_loop_longest_turn_seconds: {
    type: 'gauge',
    unit: 'seconds',
    labels: { window: 4 },
    help: 'Longest turn of the event loop in processor time of its thread without garbage collection, in seconds: of the last minute or two, since the start, the garbage collection within the latter, and since these figures were last read.',
  },
  event_loop_delay_p99_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'The 99th percentile of timer delays of the event loop, in seconds, over the last minute or two.',
  },
  background_loop_seconds: {
    type: 'histogram',
    unit: 'seconds',
    labels: { loop: 64 },
    buckets: [0.001, 0.01, 0.1, 1, 10, 60],
    help: 'Duration of the runs of background loops, successful or not, by loop.',
  },
  background_loop_failures_total: {
    type: 'counter',
    unit: '1',
    labels: { loop: 64 },
    help: 'Failed runs of background loops, by loop; each loop runs again after a pause.',
  },
  worker_cpu_seconds_total: {
    type: 'counter',
    unit: 'seconds',
    labels: { task: 16 },
    help: "CPU time that worker threads spent on callers' tasks, in seconds, by task.",
  },
  worker_refused_total: {
    type: 'counter',
    unit: '1',
    labels: { task: 16, reason: 8 },
    help: 'Tasks that were refused (reason budget or queue) or ended early (timeout or memory), by task and reason.',
  },
  worker_waiting: {
    type: 'gauge',
    unit: '1',
    help: 'Tasks that wait for a worker thread.',
  },
} as const satisfies MetricRows;

export const DATABASE = {
  database_pool_in_use: {
    type: 'gauge',
    unit: '1',
    help: 'Connections to PostgreSQL that are in use, by the last look, every 5 s.',
  },
  database_pool_size: {
    type: 'gauge',
    unit: '1',
    help: 'Connections to PostgreSQL that the process may open.',
  },
  database_pool_wait_seconds: {
    type: 'histogram',
    unit: 'seconds',
    buckets: [0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    help: "Time that work waited for a connection of this process's pool, in seconds, whether it got one or not.",
  },
  database_pool_waiting: {
    type: 'gauge',
    unit: '1',
    help: "Pieces of work that wait for a connection of this process's pool.",
  },
} as const satisfies MetricRows;

export const REDIS = {
  redis_state: {
    type: 'gauge',
    unit: 'state',
    help: '1 if Redis is available to this process and accepts writes; 0 if not, and the process works without it.',
  },
} as const satisfies MetricRows;

export const QUEUE = {
  queue_jobs: {
    type: 'gauge',
    unit: '1',
    labels: { queue: 16, state: 8 },
    help: 'Jobs by queue and state; each process reports the total of all processes. No value while the queue is unavailable.',
  },
} as const satisfies MetricRows;

export const BACKUP = {
  backup_base_success_seconds: {
    type: 'gauge',
    unit: 'unix seconds',
    help: 'Time of the end of the last base backup, Unix seconds; 0: there is none.',
  },
  backup_base_bytes: {
    type: 'gauge',
    unit: 'bytes',
    help: 'Size of the files of the last base backup, before compression; 0: there is none.',
  },
  backup_wal_success_seconds: {
    type: 'gauge',
    unit: 'unix seconds',
    help: 'Time up to which every change is archived, Unix seconds, recorded about every 15 s; 0: none is.',
  },
} as const satisfies MetricRows;
