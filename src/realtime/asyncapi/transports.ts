import {
  ANSWER_SCHEMAS,
  RECOVERY,
  RECOVERY_FIELDS,
  RESUMED,
  SOCKET_IO_ANSWERS,
  WEB_SOCKET_ANSWERS,
} from './answer.messages.js';
import { CLIENT_SCHEMAS, SOCKET_IO_CLIENT, WEB_SOCKET_CLIENT } from './client.messages.js';
import { COMMON_SCHEMAS } from './common.schemas.js';
import { ANNOUNCEMENT, controlMessages, ERROR_BODY, ISO_CONTROL, MILLISECONDS_CONTROL } from './control.messages.js';
import { EVENT_MESSAGES, SNAPSHOT_SCHEMAS, UPDATE_MESSAGES } from './event.messages.js';
import { EXAMPLE_CURSOR, EXAMPLE_MILLISECONDS } from './event.schemas.js';
import { QUERY_MESSAGES, QUERY_SCHEMAS } from './query.messages.js';
import { closed, constant, ref, text } from './schema.js';
import type { MessageDescription, Schema } from './schema.js';

export interface TransportDescription {
  readonly key: 'socketio' | 'websocket' | 'sse';
  readonly addresses: readonly string[];
  readonly title: string;
  readonly description: string;
  /** Messages in both directions: sent by the server, and accepted from clients. */
  readonly sends: readonly MessageDescription[];
  readonly receives: readonly MessageDescription[];
}

export const SCHEMAS: Readonly<Record<string, Schema>> = {
  ...COMMON_SCHEMAS,
  ...SNAPSHOT_SCHEMAS,
  ...CLIENT_SCHEMAS,
  ...ANSWER_SCHEMAS,
  ...QUERY_SCHEMAS,
};

const READY: MessageDescription = {
  name: 'ready',
  summary:
    'The replay is complete; live events follow. The line `id:` holds the cursor, as in every event and heartbeat.',
  payload: closed({ cursor: ref('Cursor'), ...RECOVERY }, RECOVERY_FIELDS),
  example: { cursor: EXAMPLE_CURSOR, recovered: true, replayed: 12 },
};

/** Converts a message whose body is the same on every transport to the form of plain WebSocket. */
function typed({ name, summary, payload, example }: MessageDescription): MessageDescription {
  const alternatives = payload['oneOf'];
  const wrapped = Array.isArray(alternatives)
    ? { oneOf: alternatives.map((alternative: Schema) => withType(name, alternative)) }
    : withType(name, payload);
  return { name, summary, payload: wrapped, example: { type: name, ...(example as object) } };
}

function withType(name: string, schema: Schema): Schema {
  const properties = { type: constant(name), ...(schema['properties'] as object) };
  return { ...schema, properties, required: ['type', ...((schema['required'] as string[] | undefined) ?? [])] };
}

const WEB_SOCKET_ANNOUNCEMENT: MessageDescription = {
  ...ANNOUNCEMENT,
  payload: closed({
    type: constant('system_announcement'),
    data: closed({ message: text('text for people') }),
    timestamp: ref('UnixMilliseconds'),
  }),
  example: {
    type: 'system_announcement',
    data: { message: 'Maintenance in 10 minutes' },
    timestamp: EXAMPLE_MILLISECONDS,
  },
};

export const TRANSPORTS: readonly TransportDescription[] = [
  {
    key: 'socketio',
    addresses: ['/v1/realtime', '/v2/realtime'],
    title: 'Socket.IO',
    description:
      'Namespaces of a Socket.IO 4 server at /socket.io; both are the same service. The key is `auth.apiKey`, an ' +
      'Authorization header or the handshake query `apiKey`. Message names are event names, payloads are the first argument; the last argument of a log event and of a heartbeat is ' +
      'its cursor, which socket.io-client sends back when it reconnects; ' +
      '`<event>.ack` is the argument with which the callback of a client event is called.',
    sends: [
      ...controlMessages(ISO_CONTROL),
      ...QUERY_MESSAGES,
      ANNOUNCEMENT,
      ERROR_BODY,
      RESUMED,
      ...SOCKET_IO_ANSWERS,
      ...EVENT_MESSAGES,
    ],
    receives: SOCKET_IO_CLIENT,
  },
  {
    key: 'websocket',
    addresses: ['/', '/ws', '/v1/realtime', '/v2/realtime'],
    title: 'Plain WebSocket',
    description:
      'JSON text messages. The key is `?apiKey=`, an Authorization header or an `authenticate` message within 10 s. ' +
      'The upgrade is accepted, except beyond the limits of an address without a key (429) and, behind a proxy, while ' +
      'draining (503); later refusals come as `error`, with `retryable` (whether to reconnect), and a close code: 4400 ' +
      'binary or too many malformed messages, 1009 over 64 KiB, 4401 no key or an invalid one, 4403 not allowed, 4408 slow ' +
      'consumer, 4429 limit exceeded, 1001 draining, 1013 unavailable.',
    sends: [
      ...[...controlMessages(MILLISECONDS_CONTROL), ...QUERY_MESSAGES].map(typed),
      WEB_SOCKET_ANNOUNCEMENT,
      ...WEB_SOCKET_ANSWERS,
      ...UPDATE_MESSAGES,
    ],
    receives: WEB_SOCKET_CLIENT,
  },
  {
    key: 'sse',
    addresses: ['/v1/stream'],
    title: 'Server-Sent Events',
    description:
      '`event:` is the name, `data:` the payload as JSON, `id:` the cursor of events, heartbeats and `ready`, so ' +
      '`Last-Event-ID` resumes by itself. Faults of a request are answered before the stream begins, as ' +
      'application/problem+json; a temporary refusal is a stream with `error` that ends, so that an ' +
      'EventSource returns.',
    sends: [...controlMessages(ISO_CONTROL), ...QUERY_MESSAGES, READY, ANNOUNCEMENT, ERROR_BODY, ...EVENT_MESSAGES],
    receives: [],
  },
];
