import { MESSAGE_TYPES } from '../core/request/parse-websocket.js';
import { EXAMPLE_FILTERS, names, SOCKET_IO_FILTERS, WEB_SOCKET_FILTERS } from './filter.schemas.js';
import { choice, closed, flag, integer, list, oneOf, ref, text } from './schema.js';
import type { MessageDescription, Properties, Schema } from './schema.js';
import { SUBSCRIPTION_TYPES } from '../core/filter/subscription-request.js';

const mode: Properties = {
  mode: choice(['all', 'latest'], 'mode of the whole connection; `latest`: the newest event per key and interval'),
  intervalMs: integer('interval of `latest`, or of a live query: at most one change per so many milliseconds', {
    minimum: 100,
    maximum: 60_000,
  }),
};

const options: Properties = {
  since: { ...ref('Cursor') },
  snapshot: flag('sends the matching published values first'),
  ...mode,
};

const optional = (properties: Properties): string[] => Object.keys(properties);

const subscribeBody: Schema = closed(
  {
    type: choice(SUBSCRIPTION_TYPES),
    channel: text('channel name, only with type `channel`'),
    all: flag('admins only: includes rows of all users'),
    query: ref('Query'),
    ...SOCKET_IO_FILTERS,
    ...options,
  },
  ['channel', 'all', 'query', ...optional(SOCKET_IO_FILTERS), ...optional(options)],
);

const selector: Properties = {
  id: text('id of a subscription'),
  type: choice(SUBSCRIPTION_TYPES),
  channel: text('a channel'),
};

/** Schemas of client messages, by name. */
export const CLIENT_SCHEMAS: Readonly<Record<string, Schema>> = {
  WebSocketFilters: closed(WEB_SOCKET_FILTERS, Object.keys(WEB_SOCKET_FILTERS)),
  SubscribeBody: subscribeBody,
};

/** Events that clients send on Socket.IO; every event may have an acknowledgement. */
export const SOCKET_IO_CLIENT: readonly MessageDescription[] = [
  {
    name: 'subscribe',
    summary: 'One body, or several that become one change with one merged replay.',
    payload: oneOf(ref('SubscribeBody'), list(ref('SubscribeBody'), { minItems: 1, maxItems: 100 })),
    example: { type: 'protocol', protocol: 'uniswap-v3', chain: 'ethereum' },
  },
  {
    name: 'unsubscribe',
    summary:
      'Removes every subscription that the body selects; omitted members match anything, and at least one is required.',
    payload: closed(
      {
        ...selector,
        all: flag('admins only: subscriptions to rows of all users'),
        query: ref('Query'),
        ...SOCKET_IO_FILTERS,
      },
      [...optional(selector), 'all', 'query', ...optional(SOCKET_IO_FILTERS)],
    ),
    example: { type: 'protocol', protocol: 'uniswap-v3' },
  },
  {
    name: 'update_filters',
    summary:
      'Replaces the filters of the named subscriptions; they keep their ids. The new filters are in `filters`, and the other ' +
      'members select subscriptions as for `unsubscribe`; the short form gives the filters beside `id`, `type` and `channel`. `filters: {}` removes all ' +
      'filters. A change of filters needs a selection: without `id`, `type`, `channel` or another selection it is refused. With `mode` ' +
      'or `intervalMs` alone the filters do not change.',
    payload: closed(
      { ...selector, ...mode, ...SOCKET_IO_FILTERS, filters: closed(SOCKET_IO_FILTERS, optional(SOCKET_IO_FILTERS)) },
      [...optional(selector), ...optional(mode), ...optional(SOCKET_IO_FILTERS), 'filters'],
    ),
    example: { id: 's1', threshold: 0.1 },
  },
  { name: 'subscriptions', summary: 'Requests the subscriptions of the connection.', payload: {}, example: {} },
  { name: 'ping', summary: 'Requests a `pong`.', payload: {}, example: {} },
];

interface WebSocketRequest {
  readonly summary: string;
  readonly body: Properties;
  readonly optional?: readonly string[];
  readonly example: Readonly<Record<string, unknown>>;
}

const channels = names(
  'channels: events:prices, events:tvl, events:token:{token}, …, or prices, tvl, alerts, onchain, protocols; a label ' +
    '(`events:tvl#2`, up to 16 letters, digits, _ and -) makes a channel a subscription of its own, with its own filters and replay',
);
const filters = ref('WebSocketFilters');

const REQUESTS: Readonly<Record<(typeof MESSAGE_TYPES)[number], WebSocketRequest>> = {
  authenticate: {
    summary: 'Authenticates with a key if the URL has none. Messages sent after this one wait until it is answered.',
    body: { apiKey: text('API key or signed token', { maxLength: 8_192 }), since: ref('Cursor') },
    optional: ['since'],
    example: { apiKey: 'rta_…' },
  },
  ping: { summary: 'Requests a `pong`.', body: {}, example: {} },
  subscribe: {
    summary: 'Subscribes to channels, or to one `query` instead. A channel subscribed again replaces its filters.',
    body: {
      channels,
      filters,
      all: flag('admins only: includes rows of all users'),
      query: ref('Query'),
      ...options,
    },
    optional: ['channels', 'filters', 'all', 'query', ...optional(options)],
    example: {
      channels: ['prices', 'protocols', 'alerts'],
      filters: EXAMPLE_FILTERS,
    },
  },
  unsubscribe: {
    summary: 'Unsubscribes from channels or from one live query; without either, from everything.',
    body: { channels, subscriptionId: text('id of a live query') },
    optional: ['channels', 'subscriptionId'],
    example: { channels: ['prices'] },
  },
  update_filters: {
    summary: 'Replaces the filters of channels; without `channels`, the filters of all channels.',
    body: { channels, filters, ...mode },
    optional: ['channels', ...optional(mode)],
    example: { channels: ['events:prices'], filters: { tokenIds: ['ethereum'] } },
  },
  subscriptions: { summary: 'Requests the subscriptions of the connection.', body: {}, example: {} },
  stats: { summary: 'Requests figures of the connection.', body: {}, example: {} },
};

/**
 * Messages that clients send on plain WebSocket, in both dialects: one names the message in `type`, the other in
 * `action`.
 */
export const WEB_SOCKET_CLIENT: readonly MessageDescription[] = MESSAGE_TYPES.map((name) => {
  const { summary, body, optional: maybe = [], example } = REQUESTS[name];
  const dialect = (field: 'type' | 'action'): Schema =>
    closed({ [field]: { const: name }, id: ref('MessageId'), ...body }, ['id', ...maybe]);
  return { name, summary, payload: oneOf(dialect('type'), dialect('action')), example: { type: name, ...example } };
});
