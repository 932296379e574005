import { EXAMPLE_ERROR, EXAMPLE_LIMITS } from './common.schemas.js';
import { EXAMPLE_CURSOR, EXAMPLE_MILLISECONDS, EXAMPLE_TIME } from './event.schemas.js';
import { choice, closed, flag, integer, list, nullable, oneOf, ref, text } from './schema.js';
import type { MessageDescription, Schema } from './schema.js';

const cursor = ref('Cursor');
const CONNECTION_ID = '6f1c1f0e-7d0b-4a86-8f0e-0f6f4b6a2f11';

/** Differences between the transports in messages that are not events: the timestamp's type and a snapshot's items. */
interface ControlDialect {
  readonly timestamp: Schema;
  readonly exampleTimestamp: string | number;
  readonly snapshotItem: Schema;
}

export const ISO_CONTROL: ControlDialect = {
  timestamp: ref('IsoTime'),
  exampleTimestamp: EXAMPLE_TIME,
  snapshotItem: ref('SnapshotItem'),
};

export const MILLISECONDS_CONTROL: ControlDialect = {
  timestamp: ref('UnixMilliseconds'),
  exampleTimestamp: EXAMPLE_MILLISECONDS,
  snapshotItem: ref('SnapshotItemMilliseconds'),
};

/** Returns the messages that are not events of the log and are the same on every transport. */
export function controlMessages(dialect: ControlDialect): MessageDescription[] {
  return [
    {
      name: 'connected',
      summary:
        'First message of every connection, and again when its limits or its expiry change. `cursor` is the current position.',
      payload: closed(
        {
          connectionId: text('id of the connection'),
          cursor,
          limits: ref('Limits'),
          expiresInMs: nullable(integer('remaining lifetime of the key or token, milliseconds; null: no expiry')),
          resume: closed({
            token: text('restores the subscriptions after a reconnect: send it as auth.resume'),
            forMs: integer('validity of the token after the end of the connection, milliseconds'),
          }),
        },
        ['resume'],
      ),
      example: { connectionId: CONNECTION_ID, cursor: EXAMPLE_CURSOR, limits: EXAMPLE_LIMITS, expiresInMs: null },
    },
    {
      name: 'heartbeat',
      summary: 'Sent every 15 s. All matching events up to `cursor` were sent, so silence means that no event matched.',
      payload: closed(
        { cursor, timestamp: dialect.timestamp, stale: flag('whether the server cannot read its database now') },
        ['stale'],
      ),
      example: { cursor: EXAMPLE_CURSOR, timestamp: dialect.exampleTimestamp },
    },
    {
      name: 'snapshot',
      summary: 'The published values that match a subscription made with `snapshot: true`, in one or more parts.',
      payload: closed({
        subscriptionId: text('id of the subscription'),
        items: list(dialect.snapshotItem),
        cursor,
        part: integer('number of this part, from 1', { minimum: 1 }),
        parts: integer('number of parts', { minimum: 1 }),
      }),
      example: { subscriptionId: 's1', items: [], cursor: EXAMPLE_CURSOR, part: 1, parts: 1 },
    },
    {
      name: 'slow_consumer',
      summary:
        'The client reads too slowly: it is now in mode `latest`, or about to be disconnected with the cursor to resume from.',
      payload: oneOf(closed({ mode: choice(['latest']) }), closed({ cursor })),
      example: { mode: 'latest' },
    },
    {
      name: 'server_draining',
      summary: 'The server is shutting down. Reconnect after `reconnectAfterMs`, with the cursor.',
      payload: closed({ reconnectAfterMs: integer('milliseconds', { minimum: 0 }), cursor }, ['cursor']),
      example: { reconnectAfterMs: 1_500, cursor: EXAMPLE_CURSOR },
    },
    {
      name: 'resync',
      summary: 'A new log began: older cursors are invalid; request a snapshot. Subscriptions continue.',
      payload: closed({ cursor, reason: choice(['epoch']) }),
      example: { cursor: EXAMPLE_CURSOR, reason: 'epoch' },
    },
  ];
}

/** Announcement as Socket.IO and SSE send it; plain WebSocket wraps it. */
export const ANNOUNCEMENT: MessageDescription = {
  name: 'system_announcement',
  summary: 'Announcement of an operator to everyone, to a user, or to a room.',
  payload: closed({
    message: text('text for people'),
    timestamp: ref('IsoTime'),
  }),
  example: { message: 'Maintenance in 10 minutes', timestamp: EXAMPLE_TIME },
};

/** Body of an `error`; the last one before the server ends a connection carries the cursor to resume from. */
export const ERROR_BODY: MessageDescription = {
  name: 'error',
  summary: 'Refusal. `code` is stable; `cursor` is present when the connection ends.',
  payload: closed(
    {
      code: { $ref: '#/components/schemas/Error/properties/code' },
      message: text('one sentence for people'),
      field: text('first invalid field'),
      retryable: flag('whether the same request may succeed later unchanged'),
      retryAfterMs: integer('milliseconds', { minimum: 0 }),
      cursor,
      subscriptionId: text('id of a live query that failed and has ended'),
    },
    ['field', 'retryAfterMs', 'cursor', 'subscriptionId'],
  ),
  example: EXAMPLE_ERROR,
};
