import { EXAMPLE_ERROR } from './common.schemas.js';
import { EXAMPLE_CURSOR, EXAMPLE_MILLISECONDS, EXAMPLE_TIME } from './event.schemas.js';
import { answeredFilters } from './filter.schemas.js';
import { choice, closed, constant, flag, integer, list, nullable, oneOf, ref, text } from './schema.js';
import type { MessageDescription, Properties, Schema } from './schema.js';
import { SUBSCRIPTION_TYPES } from '../core/filter/subscription-request.js';

const cursor = ref('Cursor');
const strings = list({ type: 'string' });

/** Outcome of a `subscribe` with `since` or `snapshot`; part of its answer on every transport. */
export const RECOVERY: Properties = {
  recovered: flag('true: all missed events were sent before this answer'),
  reason: choice(
    ['cursor_expired', 'epoch', 'replay_limit'],
    'reason why missed events were not sent; take a snapshot',
  ),
  replayed: integer('number of events sent before this answer', { minimum: 0 }),
  snapshot: closed({
    items: integer('number of values sent', { minimum: 0 }),
    parts: integer('number of messages that carried them', { minimum: 0 }),
    cursor,
  }),
};
export const RECOVERY_FIELDS = Object.keys(RECOVERY);

const filters = answeredFilters('common');
const webSocketFilters = answeredFilters('webSocket');

/** Schemas of answers, by name. */
export const ANSWER_SCHEMAS: Readonly<Record<string, Schema>> = {
  Subscription: closed(
    {
      id: text('id of the subscription in its connection'),
      type: choice(SUBSCRIPTION_TYPES),
      channel: text('channel name as the client wrote it'),
      ...filters,
      all: flag('true: includes rows of all users'),
      intervalMs: integer('interval of a live query, milliseconds', { minimum: 1 }),
    },
    ['channel', ...Object.keys(filters), 'all', 'intervalMs'],
  ),
  WebSocketFilterAnswer: closed(webSocketFilters, Object.keys(webSocketFilters)),
};

const subscribedFields: Properties = {
  subscription: ref('Subscription'),
  subscriptions: list(ref('Subscription')),
  cursor,
  ...RECOVERY,
};
const EXAMPLE_SUBSCRIPTION = { id: 's1', type: 'tvl_changes', threshold: 0.05 };

interface SocketIoAnswer {
  /** `to`: event that the client sends; `event`: event that carries the answer if the client gave no callback. */
  readonly to: string;
  readonly event: string;
  readonly body: Properties;
  readonly optional?: readonly string[];
  readonly example: Readonly<Record<string, unknown>>;
}

const socketIoAnswers: readonly SocketIoAnswer[] = [
  {
    to: 'subscribe',
    event: 'subscribed',
    body: subscribedFields,
    optional: ['subscription', 'subscriptions', ...RECOVERY_FIELDS],
    example: { subscription: EXAMPLE_SUBSCRIPTION, cursor: EXAMPLE_CURSOR, recovered: true, replayed: 12 },
  },
  {
    to: 'unsubscribe',
    event: 'unsubscribed',
    body: { removed: list(ref('Subscription')), cursor },
    example: { removed: [EXAMPLE_SUBSCRIPTION], cursor: EXAMPLE_CURSOR },
  },
  {
    to: 'update_filters',
    event: 'filters_updated',
    body: { subscriptions: list(ref('Subscription')), cursor },
    example: { subscriptions: [EXAMPLE_SUBSCRIPTION], cursor: EXAMPLE_CURSOR },
  },
  {
    to: 'subscriptions',
    event: 'subscriptions',
    body: { subscriptions: list(ref('Subscription')), mode: choice(['all', 'latest']), cursor },
    example: { subscriptions: [], mode: 'all', cursor: EXAMPLE_CURSOR },
  },
  {
    to: 'ping',
    event: 'pong',
    body: { timestamp: ref('IsoTime'), cursor },
    example: { timestamp: EXAMPLE_TIME, cursor: EXAMPLE_CURSOR },
  },
];

/** Answers on Socket.IO: a callback receives `<event>.ack`; without one the answer is sent as an event, errors as `error`. */
export const SOCKET_IO_ANSWERS: readonly MessageDescription[] = socketIoAnswers.flatMap((answer) => [
  {
    name: `${answer.to}.ack`,
    summary: `Argument of the callback of \`${answer.to}\`.`,
    payload: oneOf(
      closed({ ok: constant(true), ...answer.body }, answer.optional),
      closed({ ok: constant(false), error: ref('Error') }),
    ),
    example: { ok: true, ...answer.example },
  },
  {
    name: answer.event,
    summary: `Answer to \`${answer.to}\` if the client gave no callback.`,
    payload: closed(answer.body, answer.optional),
    example: answer.example,
  },
]);

/** Sent without a request after a reconnect with `auth.resume`, which socket.io-client sends by itself. */
export const RESUMED: MessageDescription = {
  name: 'resumed',
  summary: 'The subscriptions of the earlier connection are restored; missed events were sent before this message.',
  payload: closed({ subscriptions: list(ref('Subscription')), cursor, ...RECOVERY }, RECOVERY_FIELDS),
  example: { subscriptions: [EXAMPLE_SUBSCRIPTION], cursor: EXAMPLE_CURSOR, recovered: true, replayed: 3 },
};

const status = (...values: string[]): Schema => choice(values);
const channel = text('channel name as the client wrote it');
const liveQuery: Properties = {
  id: text('id of the live query'),
  type: constant('query'),
  intervalMs: integer('milliseconds', { minimum: 1 }),
};

interface WebSocketAnswer {
  readonly name: string;
  readonly summary: string;
  readonly body: Properties;
  readonly optional?: readonly string[];
  readonly example: Readonly<Record<string, unknown>>;
}

const webSocketAnswers: readonly WebSocketAnswer[] = [
  {
    name: 'authenticated',
    summary: 'Answer to `authenticate`: the key is valid.',
    body: {
      tier: choice(['free', 'pro', 'enterprise']),
      role: choice(['reader', 'writer', 'admin']),
      cursor,
      expiresInMs: nullable(integer('remaining lifetime of the key or token, milliseconds; null: no expiry')),
    },
    example: { tier: 'pro', role: 'reader', cursor: EXAMPLE_CURSOR, expiresInMs: null },
  },
  {
    name: 'pong',
    summary: 'Answer to `ping`.',
    body: { timestamp: ref('UnixMilliseconds') },
    example: { timestamp: EXAMPLE_MILLISECONDS },
  },
  {
    name: 'subscription_result',
    summary: 'Answer to `subscribe` for channel names other than `events:*`, known or unknown.',
    body: {
      results: list(
        closed(
          {
            channel,
            status: status('subscribed', 'error'),
            subscriptionId: text('id'),
            filters: ref('WebSocketFilterAnswer'),
            error: ref('Error'),
          },
          ['subscriptionId', 'filters', 'error'],
        ),
      ),
      cursor,
      ...RECOVERY,
    },
    optional: RECOVERY_FIELDS,
    example: { results: [{ channel: 'prices', status: 'subscribed', subscriptionId: 's1' }], cursor: EXAMPLE_CURSOR },
  },
  {
    name: 'subscription_confirmed',
    summary: 'Answer to `subscribe` for `events:*` names, or for a live query.',
    body: {
      subscription: oneOf(
        closed({
          channels: strings,
          filters: ref('WebSocketFilterAnswer'),
          subscribedAt: ref('UnixMilliseconds'),
          subscriptionIds: strings,
        }),
        closed({ ...liveQuery, subscribedAt: ref('UnixMilliseconds') }, ['intervalMs']),
      ),
      cursor,
      ...RECOVERY,
    },
    optional: RECOVERY_FIELDS,
    example: {
      subscription: {
        channels: ['events:prices', 'events:protocol:uniswap-v3'],
        filters: { tokenIds: ['ethereum'], chains: ['ethereum', 'polygon'] },
        subscribedAt: EXAMPLE_MILLISECONDS,
        subscriptionIds: ['s1', 's2'],
      },
      cursor: EXAMPLE_CURSOR,
    },
  },
  {
    name: 'unsubscription_result',
    summary: 'Answer to `unsubscribe`.',
    body: {
      results: list(
        closed({ channel, subscriptionId: text('id'), status: status('unsubscribed', 'not_subscribed') }, [
          'channel',
          'subscriptionId',
        ]),
      ),
      cursor,
    },
    example: { results: [{ channel: 'prices', status: 'unsubscribed' }], cursor: EXAMPLE_CURSOR },
  },
  {
    name: 'filters_updated',
    summary: 'Answer to `update_filters`.',
    body: { channels: strings, filters: ref('WebSocketFilterAnswer'), cursor },
    example: { channels: ['events:prices'], filters: { tokenIds: ['ethereum'] }, cursor: EXAMPLE_CURSOR },
  },
  {
    name: 'subscriptions',
    summary: 'Answer to `subscriptions`.',
    body: {
      subscriptions: list(
        closed({
          subscriptionId: text('id'),
          channel,
          filters: ref('WebSocketFilterAnswer'),
          subscribedAt: ref('UnixMilliseconds'),
        }),
      ),
      queries: list(closed(liveQuery, ['intervalMs'])),
      cursor,
    },
    example: { subscriptions: [], queries: [], cursor: EXAMPLE_CURSOR },
  },
  {
    name: 'stats',
    summary: 'Answer to `stats`.',
    body: {
      connection: closed({
        connectionId: text('id of the connection'),
        transport: constant('websocket'),
        connectedAt: ref('IsoTime'),
        lastActivity: ref('IsoTime'),
        subscriptions: integer('how many', { minimum: 0 }),
        mode: choice(['all', 'latest']),
        bufferedBytes: integer('bytes that the network has not taken yet', { minimum: 0 }),
      }),
      cursor,
    },
    example: {
      connection: {
        connectionId: '6f1c1f0e-7d0b-4a86-8f0e-0f6f4b6a2f11',
        transport: 'websocket',
        connectedAt: '2026-11-20T12:00:00.000Z',
        lastActivity: '2026-11-20T12:00:00.000Z',
        subscriptions: 2,
        mode: 'all',
        bufferedBytes: 0,
      },
      cursor: EXAMPLE_CURSOR,
    },
  },
  {
    name: 'error',
    summary: 'A message was refused (with its `id`), or the connection ends (with the `cursor` to resume from).',
    body: { error: ref('Error'), cursor, subscriptionId: text('id of a live query that failed and has ended') },
    optional: ['cursor', 'subscriptionId'],
    example: { id: 7, error: EXAMPLE_ERROR },
  },
];

/** Answers of the plain WebSocket API. */
export const WEB_SOCKET_ANSWERS: readonly MessageDescription[] = webSocketAnswers.map((answer) => ({
  name: answer.name,
  summary: answer.summary,
  payload: closed({ type: constant(answer.name), id: ref('MessageId'), ...answer.body }, [
    'id',
    ...(answer.optional ?? []),
  ]),
  example: { type: answer.name, ...answer.example },
}));
