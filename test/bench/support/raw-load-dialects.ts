import { mqtt, nats } from './raw-load-brokers.js';

/** Protocol of raw clients: how to connect and subscribe, and which messages are deliveries. */
export interface Dialect {
  readonly framing: 'websocket' | 'event-stream' | 'nats';
  /** Number of bytes of a message that `events` needs; the rest of a delivery that is not sampled is skipped. */
  readonly head: number;
  /** Target and additional header lines of the request that opens client `n`. */
  request(n: number): { target: string; headers: readonly string[] };
  /** Returns the first message of client `n`, if the server waits for one. */
  opening?(n: number): Buffer;
  /** Returns the number of deliveries in a message; messages without any are passed to `converse`. */
  events(data: Buffer, start: number, end: number): number;
  /** Returns the reaction to a message that is not a delivery. */
  converse(n: number, message: Buffer): Turn;
}

interface Turn {
  /** Messages to send as answer. */
  readonly send?: readonly (string | Buffer)[];
  /** Whether the client is connected and subscribed. */
  readonly ready?: boolean;
  /** Reason why the client was refused permanently. */
  readonly refused?: string;
}

export interface DialectOptions {
  readonly name: DialectName;
  /** Client `n` uses key and body `n` modulo their number. */
  readonly apiKeys?: readonly string[];
  /** Bodies of `subscribe`, or query parameters for SSE. Without bodies, clients are ready when they are admitted. */
  readonly bodies?: readonly Readonly<Record<string, unknown>>[];
  /** Name of the deliveries, if not the dialect's name for TVL changes. */
  readonly event?: string;
  /** Socket.IO: the namespace, `/v1/realtime` by default. */
  readonly namespace?: string;
  /**
   * Path for plain WebSocket and SSE on a server other than this product. Such servers need no authentication: clients
   * are ready when connected.
   */
  readonly path?: string;
}

export type DialectName = 'websocket' | 'socketio' | 'sse' | 'mqtt' | 'nats';

const NOTHING: Turn = {};

export function dialectOf(options: DialectOptions): Dialect {
  if (options.name === 'mqtt') return mqtt();
  if (options.name === 'nats') return nats();
  if (options.name === 'socketio') return socketIo(options);
  return options.name === 'sse' ? eventStream(options) : plainWebSocket(options);
}

/** Plain WebSocket: the key is in a header, so admission needs no message. */
function plainWebSocket({ apiKeys = [], bodies = [], event = 'tvl_update', path }: DialectOptions): Dialect {
  const isDelivery = startsWith(`{"type":"${event}"`);
  return {
    framing: 'websocket',
    head: isDelivery.length,
    request: (n) => ({ target: path ?? '/ws', headers: authorization(apiKeys, n) }),
    events: isDelivery.of,
    converse(n, message) {
      const text = message.toString();
      const body = at(bodies, n);
      if (text.startsWith('{"type":"connected"')) {
        return body ? { send: [JSON.stringify({ type: 'subscribe', ...body })] } : { ready: true };
      }
      if (text.startsWith('{"type":"subscription_')) {
        return text.includes('"status":"error"') ? { refused: text } : { ready: true };
      }
      return text.startsWith('{"type":"error"') ? { refused: text } : NOTHING;
    },
  };
}

/** Socket.IO over WebSocket, engine protocol 4: every message of a namespace contains the namespace's name. */
function socketIo(options: DialectOptions): Dialect {
  const { apiKeys = [], bodies = [], event = 'tvl_change', namespace = '/v1/realtime' } = options;
  const prefix = namespace === '/' ? '' : `${namespace},`;
  const isDelivery = startsWith(`42${prefix}["${event}"`);
  return {
    framing: 'websocket',
    head: isDelivery.length,
    request: () => ({ target: '/socket.io/?EIO=4&transport=websocket', headers: [] }),
    events: isDelivery.of,
    converse(n, message) {
      const text = message.toString();
      const apiKey = at(apiKeys, n);
      const body = at(bodies, n);
      if (text === '2') return { send: ['3'] };
      if (text.startsWith('0{')) return { send: [`40${prefix}${apiKey ? JSON.stringify({ apiKey }) : ''}`] };
      if (text.startsWith(`40${prefix}`)) {
        return body ? { send: [`42${prefix}1["subscribe",${JSON.stringify(body)}]`] } : { ready: true };
      }
      if (text.startsWith(`43${prefix}1[{"ok":true`)) return { ready: true };
      return text.startsWith('43') || text.startsWith('44') ? { refused: text } : NOTHING;
    },
  };
}

/** Server-Sent Events: a single request contains key and subscription. */
function eventStream({ apiKeys = [], bodies = [], event = 'tvl_change', path }: DialectOptions): Dialect {
  const isDelivery = startsWith(`event: ${event}\n`);
  return {
    framing: 'event-stream',
    head: isDelivery.length,
    request(n) {
      const query = new URLSearchParams(
        Object.entries(at(bodies, n) ?? {}).map(([name, value]): [string, string] => [name, String(value)]),
      ).toString();
      return { target: `${path ?? '/v1/stream'}?${query}`, headers: authorization(apiKeys, n) };
    },
    events: isDelivery.of,
    converse(_, message) {
      const text = message.toString();
      if (text.startsWith('event: error')) return { refused: text };
      return text.startsWith('event: ready') ? { ready: true } : NOTHING;
    },
  };
}

function authorization(apiKeys: readonly string[], n: number): string[] {
  const key = at(apiKeys, n);
  return key === undefined ? [] : [`Authorization: Bearer ${key}`];
}

function at<T>(values: readonly T[], n: number): T | undefined {
  return values[n % values.length];
}

/** Returns a test of a message's first bytes that allocates nothing, because it runs once per delivery. */
function startsWith(text: string): { length: number; of: Dialect['events'] } {
  const bytes = Buffer.from(text);
  const { length } = bytes;
  const of = (data: Buffer, start: number, end: number): number => {
    if (end - start < length) return 0;
    for (let i = 0; i < length; i += 1) if (data[start + i] !== bytes[i]) return 0;
    return 1;
  };
  return { length, of };
}
