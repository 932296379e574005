import { mqtt, nats } from './raw-load-brokers.js';

/** What raw clients must know of a protocol: how to get in, how to subscribe, and which messages are deliveries. */
export interface Dialect {
  readonly framing: 'websocket' | 'event-stream' | 'nats';
  /** Bytes of a message that `events` must see; the rest of a delivery that nobody samples is skipped unread. */
  readonly head: number;
  /** Target and additional header lines of the request that opens client `n`. */
  request(n: number): { target: string; headers: readonly string[] };
  /** What client `n` says first, where the server waits for it. */
  opening?(n: number): Buffer;
  /** How many deliveries a message holds. Those with none are handed to `converse`. */
  events(data: Buffer, start: number, end: number): number;
  /** What to do about a message that is no delivery. */
  converse(n: number, message: Buffer): Turn;
}

export interface Turn {
  /** Messages to answer with. */
  readonly send?: readonly (string | Buffer)[];
  /** The client is in and has what it asked for. */
  readonly ready?: boolean;
  /** It never will be. */
  readonly refused?: string;
}

export interface DialectOptions {
  readonly name: DialectName;
  /** Client `n` uses key and body `n` modulo their number. */
  readonly apiKeys?: readonly string[];
  /** Bodies of `subscribe`; for SSE the parameters of the query. Without any, clients are ready once they are let in. */
  readonly bodies?: readonly Readonly<Record<string, unknown>>[];
  /** Name of the deliveries where it is not the dialect's for TVL changes. */
  readonly event?: string;
  /** Socket.IO: the namespace, `/v1/realtime` by default. */
  readonly namespace?: string;
  /** Plain WebSocket and SSE: the path where it is not this product's. Nobody authenticates there: open is ready. */
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

/** Plain WebSocket: the key goes in the header, so being let in costs no message. */
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

/** Socket.IO over WebSocket, engine protocol 4: every message of a namespace carries its name. */
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

/** Server-Sent Events: one request says everything. */
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

/** A test of a message's first bytes that makes nothing; it runs once per delivery. */
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
