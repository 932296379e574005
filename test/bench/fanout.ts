/**
 * One stream: the same 290-byte messages to all clients at maximum speed. The server has one core, all clients have the
 * other; the messages of every client are counted. Peers take turns with the product in the same run.
 *
 * The product's figure includes: the ring of recent events, filter index, sessions, payload and JSON of each event,
 * frames, writes, metrics. It excludes PostgreSQL and the sequencer, which `latency` measures: they would limit the rate
 * to about a thousand events a second. Peers' messages have the same length. Socket.IO encodes each message once, as its
 * rooms do; the ws loop sends one text to each client; the brokers receive messages from a publisher over TCP.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { nextMessage, type BenchContext, type Figures } from './support/bench-context.js';
import { MOSQUITTO, NATS, startBroker, type BrokerKind } from './support/brokers.js';
import { CLIENT_CORE, pin, SERVER_CORE } from './support/cores.js';
import {
  MESSAGE_BYTES,
  type FanoutTask,
  type PublishCommand,
  type PublishedAnswer,
} from './support/fanout-messages.js';
import { median, round } from './support/percentiles.js';
import type { DialectOptions } from './support/raw-load-dialects.js';
import { RawLoad } from './support/raw-load.js';

const SIZES = [1_000, 5_000];
const ROUNDS = 3;
/**
 * Target duration of one measurement, seconds. The messages before it warm up the server and show how many messages that
 * takes.
 */
const LASTING = 1.5;
const WARM_UP_SECONDS = 0.5;
/** Number of deliveries of the first warm-up. */
const WARM_UP = 100_000;
/** Maximum number of deliveries per measurement: brokers must be able to store them while clients read. */
const BROKER_DELIVERIES = 1_000_000;
const QUIET_MS = 10_000;

interface Contestant {
  readonly name: string;
  readonly figure: string;
  readonly load: RawLoad;
  /** Maximum number of deliveries per measurement. */
  readonly most: number;
  /** Sends this many messages; returns the processor time that the server used, seconds, if known. */
  publish(events: number): Promise<number | undefined>;
}

interface Measurement {
  readonly rate: number;
  /** Processor time of the server per delivery, microseconds. */
  readonly cpu: number | undefined;
}

export async function run(context: BenchContext): Promise<Figures> {
  const contestants = await start(context);
  const sizes = context.quick ? SIZES.slice(0, 1) : SIZES;
  const rounds = context.quick ? 1 : ROUNDS;
  const bySize: Figures[] = [];
  for (const clients of sizes) {
    const measured = new Map(contestants.map((one): [Contestant, Measurement[]] => [one, []]));
    for (let n = 1; n <= rounds; n += 1) {
      for (const [one, results] of measured) {
        const result = await measure(one, clients);
        results.push(result);
        context.log(
          `${clients} clients, round ${n} of ${rounds}: ${one.name} ${Math.round(result.rate).toLocaleString('en-US')}/s`,
        );
      }
    }
    bySize.push(report(context, clients, measured));
  }
  const [first = {}, ...more] = bySize;
  return { ...first, message_bytes: MESSAGE_BYTES, rounds, more };
}

async function start(context: BenchContext): Promise<Contestant[]> {
  const subscription = { type: 'protocol', protocol: 'aave-v3' };
  const event = 'governance';
  const socketIo: DialectOptions = { name: 'socketio', event, apiKeys: ['any'], bodies: [subscription] };
  const plain: DialectOptions = {
    name: 'websocket',
    event,
    apiKeys: ['any'],
    bodies: [{ channels: ['events:protocol:aave-v3'] }],
  };
  const eachAlone = { kind: 'defi-realtime', env: { FLUSH_MS: '0' } } as const;
  const found = [
    await startServer(context, 'defi-realtime, Socket.IO', 'deliveries_per_s', { kind: 'defi-realtime' }, socketIo),
    await startServer(
      context,
      'defi-realtime, WebSocket',
      'websocket_deliveries_per_s',
      { kind: 'defi-realtime' },
      plain,
    ),
    await startServer(
      context,
      'defi-realtime, one frame per write',
      'one_frame_deliveries_per_s',
      eachAlone,
      socketIo,
      1,
    ),
    await startServer(
      context,
      'Socket.IO room',
      'socketio_deliveries_per_s',
      { kind: 'socket.io' },
      {
        name: 'socketio',
        namespace: '/',
        event,
      },
    ),
    await startServer(
      context,
      'ws loop',
      'ws_deliveries_per_s',
      { kind: 'ws' },
      { name: 'websocket', path: '/', event },
    ),
    await startBrokerContestant(context, NATS, 'nats_deliveries_per_s'),
    await startBrokerContestant(context, MOSQUITTO, 'mosquitto_deliveries_per_s'),
  ];
  return found.filter((one) => one !== undefined);
}

async function startServer(
  context: BenchContext,
  name: string,
  figure: string,
  task: FanoutTask,
  dialect: DialectOptions,
  perTurn = 20,
): Promise<Contestant> {
  const server = context.startProcess('fanout-server.ts', task);
  const { port } = await nextMessage<{ port: number }>(server, 'ready');
  pin(server.pid, SERVER_CORE);
  return {
    name,
    figure,
    load: await startLoad(context, port, dialect),
    most: Infinity,
    async publish(events) {
      const answer = nextMessage<PublishedAnswer>(server, 'published');
      server.send({ type: 'publish', events, perTurn } satisfies PublishCommand);
      return (await answer).cpu;
    },
  };
}

async function startBrokerContestant(
  context: BenchContext,
  kind: BrokerKind,
  figure: string,
): Promise<Contestant | undefined> {
  const broker = await startBroker(context, kind, SERVER_CORE);
  if (!broker) return undefined;
  const payload = Buffer.alloc(MESSAGE_BYTES, 'x');
  return {
    name: kind.name,
    figure,
    load: await startLoad(context, broker.port, { name: kind.dialect }),
    most: BROKER_DELIVERIES,
    async publish(events) {
      await broker.publish(events, payload);
      return undefined;
    },
  };
}

async function startLoad(context: BenchContext, port: number, dialect: DialectOptions): Promise<RawLoad> {
  const load = await RawLoad.start(context, { port, dialect, processes: 1 });
  for (const pid of load.pids) pin(pid, CLIENT_CORE);
  return load;
}

async function measure(one: Contestant, clients: number): Promise<Measurement> {
  await one.load.open(clients);
  try {
    const events = (rate: number, seconds: number): number =>
      Math.ceil(Math.min(one.most, Math.max(WARM_UP, rate * seconds)) / clients);
    const first = await wave(one, clients, events(0, 0));
    const warm = await wave(one, clients, events(first.rate, WARM_UP_SECONDS));
    return await wave(one, clients, events(warm.rate, LASTING));
  } finally {
    await one.load.close();
  }
}

/** Sends events and waits until every client has counted every message; fails if a client has not. */
async function wave(one: Contestant, clients: number, events: number): Promise<Measurement> {
  await one.load.reset();
  const started = performance.now();
  const published = one.publish(events);
  let counts = await one.load.counts();
  let last = { deliveries: 0, at: performance.now() };
  while (counts.deliveries < events * clients && performance.now() - last.at < QUIET_MS) {
    await sleep(10);
    counts = await one.load.counts();
    if (counts.deliveries !== last.deliveries) last = { deliveries: counts.deliveries, at: performance.now() };
  }
  const seconds = (performance.now() - started) / 1_000;
  const wrong = counts.byClient.findIndex((count) => count !== events);
  if (wrong >= 0) {
    const [why = 'nothing ended'] = counts.endings;
    throw new Error(`${one.name}: client ${wrong} counted ${counts.byClient[wrong]} of ${events} messages (${why})`);
  }
  const cpu = await published;
  return {
    rate: counts.deliveries / seconds,
    cpu: cpu === undefined ? undefined : (cpu * 1e6) / counts.deliveries,
  };
}

function report(context: BenchContext, clients: number, measured: Map<Contestant, Measurement[]>): Figures {
  const rates: Record<string, number> = {};
  const rows: Record<string, string | number>[] = [];
  for (const [{ name, figure }, results] of measured) {
    const rate = Math.round(median(results.map((result) => result.rate)));
    const cpu = median(results.map((result) => result.cpu ?? NaN));
    rates[figure] = rate;
    rows.push({
      server: name,
      'deliveries/s': rate,
      'µs of server per delivery': Number.isNaN(cpu) ? '' : round(cpu, 3),
    });
  }
  const { deliveries_per_s: ours = NaN, socketio_deliveries_per_s: room = NaN } = rates;
  const peers = Object.entries(rates).filter(([figure]) => PEERS.test(figure));
  const best = Math.max(...peers.map(([, rate]) => rate));
  context.log(
    `\n${clients} clients, ${MESSAGE_BYTES}-byte messages (targets: 1,000,000/s, 5 × Socket.IO, ahead of all)`,
  );
  context.table(rows);
  context.log('');
  return { clients, ...rates, ratio_socketio: round(ours / room), ratio_best_peer: round(ours / best) };
}

const PEERS = /^(socketio|ws|nats|mosquitto)_/;
