/**
 * Cost of an idle client: resident memory of the server per connection, and the rate of new connections. Every round
 * starts the app anew, for plain WebSocket and for Socket.IO; clients only authenticate.
 */
import type { BenchContext, Figures } from './support/bench-context.js';
import { median, percentile, round } from './support/percentiles.js';
import { RawLoad } from './support/raw-load.js';
import type { DialectName } from './support/raw-load-dialects.js';
import { settledKb } from './support/resident-memory.js';

/** Connections opened and closed first, so that one-time memory of the process is not counted per connection. */
const WARM_UP = 1_000;
/** New connections per second while the time of each is measured. */
const STEADY_RATE = 1_000;
const SETTLE_SECONDS = 4;

interface RoundFigures {
  readonly connectsPerSecond: number;
  readonly p95: number;
  /** Kilobytes per connection: with the first connections, and with all of them open. */
  readonly kb: number;
  readonly kbOfAll: number;
}

export async function run(context: BenchContext): Promise<Figures> {
  const first = context.quick ? 3_000 : 10_000;
  const more = context.quick ? 1_000 : 6_000;
  const rounds = context.quick ? 1 : 3;
  const results: Record<'websocket' | 'socketio', RoundFigures[]> = { websocket: [], socketio: [] };
  for (let n = 1; n <= rounds; n += 1) {
    for (const transport of ['websocket', 'socketio'] as const) {
      const result = await measure(context, transport, first, more);
      results[transport].push(result);
      context.log(
        `round ${n} of ${rounds}, ${transport}: ${result.kb.toFixed(1)} KB per connection, ` +
          `${result.connectsPerSecond.toFixed(0)} connects/s, p95 ${result.p95.toFixed(1)} ms`,
      );
    }
  }
  return report(context, results, first, more);
}

async function measure(
  context: BenchContext,
  transport: DialectName,
  first: number,
  more: number,
): Promise<RoundFigures> {
  const app = await context.startApp();
  const load = await RawLoad.start(context, { port: app.port, dialect: { name: transport, apiKeys: [app.adminKey] } });
  try {
    await load.open(WARM_UP);
    await load.close();
    const before = await settledKb(app.pid, SETTLE_SECONDS);
    const fast = await load.open(first);
    const kb = ((await settledKb(app.pid, SETTLE_SECONDS)) - before) / first;
    const steady = await load.open(more, { atOnce: more, perSecond: STEADY_RATE });
    const kbOfAll = ((await settledKb(app.pid, SETTLE_SECONDS)) - before) / (first + more);
    const { ready, endings } = await load.counts();
    if (ready !== first + more) throw new Error(`only ${ready} connections stayed: ${endings.join(', ')}`);
    return { connectsPerSecond: first / fast.seconds, p95: percentile(steady.ms, 0.95), kb, kbOfAll };
  } finally {
    await load.close();
    load.stop();
    await app.stop();
  }
}

function report(
  context: BenchContext,
  results: Record<'websocket' | 'socketio', readonly RoundFigures[]>,
  first: number,
  more: number,
): Figures {
  const across = (rounds: readonly RoundFigures[], pick: (one: RoundFigures) => number): number =>
    round(median(rounds.map(pick)), 1);
  const { websocket, socketio } = results;
  const rows = [
    ['plain WebSocket', websocket, 25],
    ['Socket.IO', socketio, 45],
  ] as const;
  context.log(`\nidle connections (targets: connects/s ≥ 2,000)`);
  context.table(
    rows.map(([name, rounds, target]) => ({
      clients: name,
      [`KB at ${first}`]: across(rounds, ({ kb }) => kb),
      [`KB at ${first + more}`]: across(rounds, ({ kbOfAll }) => kbOfAll),
      'KB target': target,
      'connects/s': across(rounds, ({ connectsPerSecond }) => connectsPerSecond),
      [`p95 ms at ${STEADY_RATE}/s`]: across(rounds, ({ p95 }) => p95),
    })),
  );
  return {
    count: first + more,
    rounds: websocket.length,
    kb_per_ws: across(websocket, ({ kb }) => kb),
    kb_per_ws_all: across(websocket, ({ kbOfAll }) => kbOfAll),
    kb_per_socketio: across(socketio, ({ kb }) => kb),
    kb_per_socketio_all: across(socketio, ({ kbOfAll }) => kbOfAll),
    connects_per_s: across(websocket, ({ connectsPerSecond }) => connectsPerSecond),
    connect_p95_ms: across(websocket, ({ p95 }) => p95),
    connects_per_s_socketio: across(socketio, ({ connectsPerSecond }) => connectsPerSecond),
    connect_p95_ms_socketio: across(socketio, ({ p95 }) => p95),
  };
}
