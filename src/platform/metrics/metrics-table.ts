import { ALERTS, ACCESS, NOTIFICATIONS, QUERY } from './table/product-metrics.js';
import { CACHE, CAPTURE, HISTORY, STREAMING } from './table/event-metrics.js';
import type { MetricRows } from './table/metric-row.js';
import { NODE } from './table/node-metrics.js';
import { ONCHAIN } from './table/onchain-metrics.js';
import { BACKUP, DATABASE, HTTP, PROCESS, QUEUE, REDIS } from './table/platform-metrics.js';

/**
 * Every metric of `/metrics`, by component: name, type, unit, labels with the most values of each, help. Code makes a metric
 * with `metricOf`; alert rules and dashboards may name no other.
 */
export const METRICS_TABLE = {
  streaming: STREAMING,
  capture: CAPTURE,
  cache: CACHE,
  history: HISTORY,
  access: ACCESS,
  alerts: ALERTS,
  notifications: NOTIFICATIONS,
  query: QUERY,
  onchain: ONCHAIN,
  http: HTTP,
  process: PROCESS,
  database: DATABASE,
  redis: REDIS,
  queue: QUEUE,
  backup: BACKUP,
  node: NODE,
} as const satisfies Record<string, MetricRows>;
