import type { MetricRows } from './metric-row.js';

/** Metrics that prom-client makes of Node.js and the process; their texts are its own. */
export const NODE = {
  process_cpu_user_seconds_total: { type: 'counter', unit: 'seconds', help: 'Total user CPU time spent in seconds.' },
  process_cpu_system_seconds_total: {
    type: 'counter',
    unit: 'seconds',
    help: 'Total system CPU time spent in seconds.',
  },
  process_cpu_seconds_total: {
    type: 'counter',
    unit: 'seconds',
    help: 'Total user and system CPU time spent in seconds.',
  },
  process_start_time_seconds: {
    type: 'gauge',
    unit: 'unix seconds',
    help: 'Start time of the process since unix epoch in seconds.',
  },
  process_resident_memory_bytes: { type: 'gauge', unit: 'bytes', help: 'Resident memory size in bytes.' },
  process_virtual_memory_bytes: { type: 'gauge', unit: 'bytes', help: 'Virtual memory size in bytes.' },
  process_heap_bytes: { type: 'gauge', unit: 'bytes', help: 'Process heap size in bytes.' },
  process_open_fds: { type: 'gauge', unit: '1', help: 'Number of open file descriptors.' },
  process_max_fds: { type: 'gauge', unit: '1', help: 'Maximum number of open file descriptors.' },
  nodejs_eventloop_lag_seconds: { type: 'gauge', unit: 'seconds', help: 'Lag of event loop in seconds.' },
  nodejs_eventloop_lag_min_seconds: { type: 'gauge', unit: 'seconds', help: 'The minimum recorded event loop delay.' },
  nodejs_eventloop_lag_max_seconds: { type: 'gauge', unit: 'seconds', help: 'The maximum recorded event loop delay.' },
  nodejs_eventloop_lag_mean_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'The mean of the recorded event loop delays.',
  },
  nodejs_eventloop_lag_stddev_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'The standard deviation of the recorded event loop delays.',
  },
  nodejs_eventloop_lag_p50_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'The 50th percentile of the recorded event loop delays.',
  },
  nodejs_eventloop_lag_p90_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'The 90th percentile of the recorded event loop delays.',
  },
  nodejs_eventloop_lag_p99_seconds: {
    type: 'gauge',
    unit: 'seconds',
    help: 'The 99th percentile of the recorded event loop delays.',
  },
  nodejs_active_resources: {
    type: 'gauge',
    unit: '1',
    labels: { type: 32 },
    help: 'Number of active resources that are currently keeping the event loop alive, grouped by async resource type.',
  },
  nodejs_active_resources_total: { type: 'gauge', unit: '1', help: 'Total number of active resources.' },
  nodejs_active_handles: {
    type: 'gauge',
    unit: '1',
    labels: { type: 32 },
    help: 'Number of active libuv handles grouped by handle type. Every handle type is C++ class name.',
  },
  nodejs_active_handles_total: { type: 'gauge', unit: '1', help: 'Total number of active handles.' },
  nodejs_active_requests: {
    type: 'gauge',
    unit: '1',
    labels: { type: 32 },
    help: 'Number of active libuv requests grouped by request type. Every request type is C++ class name.',
  },
  nodejs_active_requests_total: { type: 'gauge', unit: '1', help: 'Total number of active requests.' },
  nodejs_heap_size_total_bytes: { type: 'gauge', unit: 'bytes', help: 'Process heap size from Node.js in bytes.' },
  nodejs_heap_size_used_bytes: { type: 'gauge', unit: 'bytes', help: 'Process heap size used from Node.js in bytes.' },
  nodejs_external_memory_bytes: { type: 'gauge', unit: 'bytes', help: 'Node.js external memory size in bytes.' },
  nodejs_heap_space_size_total_bytes: {
    type: 'gauge',
    unit: 'bytes',
    labels: { space: 16 },
    help: 'Process heap space size total from Node.js in bytes.',
  },
  nodejs_heap_space_size_used_bytes: {
    type: 'gauge',
    unit: 'bytes',
    labels: { space: 16 },
    help: 'Process heap space size used from Node.js in bytes.',
  },
  nodejs_heap_space_size_available_bytes: {
    type: 'gauge',
    unit: 'bytes',
    labels: { space: 16 },
    help: 'Process heap space size available from Node.js in bytes.',
  },
  nodejs_version_info: {
    type: 'gauge',
    unit: '1',
    labels: { version: 1, major: 1, minor: 1, patch: 1 },
    help: 'Node.js version info.',
  },
  nodejs_gc_duration_seconds: {
    type: 'histogram',
    unit: 'seconds',
    labels: { kind: 4 },
    help: 'Garbage collection duration by kind, one of major, minor, incremental or weakcb.',
  },
} as const satisfies MetricRows;
