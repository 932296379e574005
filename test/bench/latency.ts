/**
 * Time from the acknowledged commit to the client: one process writes 1,000 changes a second, and 10,000 clients follow
 * ten of 3,000 protocols each, half over plain WebSocket, half over Socket.IO. Server, database, writer and clients share
 * the machine.
 */
import type { BenchContext, Figures } from './support/bench-context.js';
import { followers } from './support/latency-load.js';
import { runLatency } from './support/latency-run.js';

const CLIENTS = 10_000;

export function run(context: BenchContext): Promise<Figures> {
  return runLatency(context, {
    keys: 3_000,
    clientsOf: (keys) => [
      { transport: 'websocket', processes: 1, filters: followers(CLIENTS / 2, keys, 'websocket', 1) },
      { transport: 'socketio', processes: 1, filters: followers(CLIENTS / 2, keys, 'socketio', 2) },
    ],
    rounds: context.quick ? 1 : 3,
    seconds: context.quick ? 15 : 30,
    targets: { p95: 60, p99: 100 },
  });
}
