/**
 * Like `latency`, with few clients and all kinds of filters: 200 Socket.IO clients, of which every tenth receives
 * everything.
 */
import type { BenchContext, Figures } from './support/bench-context.js';
import { mixedFilters } from './support/latency-load.js';
import { runLatency } from './support/latency-run.js';

const CLIENTS = 200;

export function run(context: BenchContext): Promise<Figures> {
  return runLatency(context, {
    keys: 1_000,
    clientsOf: (keys) => [{ transport: 'socketio', processes: 2, filters: mixedFilters(CLIENTS, keys) }],
    rounds: context.quick ? 1 : 3,
    seconds: context.quick ? 15 : 30,
    targets: { p95: 20, p99: 50 },
  });
}
