import { channelRequest, withOwners } from './channel-request.js';
import { FIELDS, readFilter, spellingOf } from '../filter/fields.js';
import { Input } from '../wire/input.js';
import { readMode, readOptions } from './options.js';
import { queryRequest } from './query-request.js';
import { assertPossibleTypes } from '../filter/selected-types.js';
import type { SubscribeOptions } from '../session/session-calls.js';
import type { SubscriptionFilter, SubscriptionRequest } from '../filter/subscription-request.js';

export const MESSAGE_TYPES = [
  'authenticate',
  'ping',
  'subscribe',
  'unsubscribe',
  'update_filters',
  'subscriptions',
  'stats',
] as const;
type MessageType = (typeof MESSAGE_TYPES)[number];
export type MessageId = string | number;

/** One channel of a list, in the client's spelling; `request` is undefined if the name is not a channel. */
export interface NamedChannel {
  readonly channel: string;
  readonly request: SubscriptionRequest | undefined;
}

/** Messages that clients of the plain WebSocket dialect may send. */
export type ClientMessage = { readonly id?: MessageId } &
  /** `since` only marks a reconnecting client, which may exceed its connection limit for a while. */
  (
    | { readonly type: 'authenticate'; readonly apiKey: string; readonly since?: string }
    | { readonly type: 'ping' | 'subscriptions' | 'stats' }
    | {
        readonly type: 'subscribe';
        readonly channels: readonly NamedChannel[];
        readonly filter: SubscriptionFilter;
        readonly options: SubscribeOptions;
        /** Live query in place of channels. */
        readonly query?: SubscriptionRequest;
      }
    /** Channels to unsubscribe from; absent: all. */
    | { readonly type: 'unsubscribe'; readonly channels?: readonly string[]; readonly subscriptionId?: string }
    | {
        readonly type: 'update_filters';
        readonly channels?: readonly string[];
        readonly filter: SubscriptionFilter;
        readonly options: Pick<SubscribeOptions, 'mode' | 'intervalMs'>;
      }
  );

const ENVELOPE = ['type', 'action', 'id'];
const MESSAGE_FIELDS: Readonly<Record<MessageType, readonly string[]>> = {
  authenticate: ['apiKey', 'since'],
  ping: [],
  subscribe: ['channels', 'filters', 'all', 'since', 'snapshot', 'mode', 'intervalMs', 'query'],
  unsubscribe: ['channels', 'subscriptionId'],
  update_filters: ['channels', 'filters', 'mode', 'intervalMs'],
  subscriptions: [],
  stats: [],
};
const BESIDE_QUERY = ['channels', 'filters', 'all', 'snapshot'];
/** Names of the filter fields in the order in which error messages list them: the threshold is last. */
const FILTER_FIELDS = FIELDS.toSorted(
  (a, b) => Number(a.condition === 'threshold') - Number(b.condition === 'threshold'),
).map((field) => spellingOf(field, 'webSocket'));
const MAX_ID_LENGTH = 128;
/** Maximum length of a key or token, characters; signed tokens are longer than keys. */
const MAX_SECRET_LENGTH = 8_192;

/**
 * Reads the `id` of any message, so that a refusal can include it. Never throws. Numbers that JSON cannot represent
 * exactly are not ids: the client would get a different number back.
 */
export function messageId(value: unknown): MessageId | undefined {
  if (typeof value !== 'object' || value === null || !('id' in value)) return undefined;
  const { id } = value;
  if (typeof id === 'string') return id.length <= MAX_ID_LENGTH ? id : undefined;
  return typeof id === 'number' && Number.isSafeInteger(id) ? id : undefined;
}

/** Parses a JSON value as a message. Throws `invalid_request` that names the first invalid field. */
export function parseMessage(value: unknown): ClientMessage {
  const type = messageType(value);
  const input = Input.of(value, [...ENVELOPE, ...MESSAGE_FIELDS[type]]);
  const id = messageId(value);
  if (input.has('id') && id === undefined)
    throw input.fault('id', `must be a whole number up to 2^53 - 1, or a text of at most ${MAX_ID_LENGTH} characters`);
  return { ...(id === undefined ? {} : { id }), ...bodyOf(type, input) };
}

/** Reads the message type of both dialects, from `type` or `action`. */
function messageType(value: unknown): MessageType {
  const envelope = Input.partOf(value, ENVELOPE);
  const type = envelope.oneOf('type', MESSAGE_TYPES);
  const action = envelope.oneOf('action', MESSAGE_TYPES);
  const named = type ?? action;
  if (named === undefined) throw envelope.fault('type', `must be one of ${MESSAGE_TYPES.join(', ')}`);
  if (type !== undefined && action !== undefined && type !== action) {
    throw envelope.fault('action', 'must not differ from type; one of the two is enough');
  }
  return named;
}

function bodyOf(type: MessageType, input: Input): ClientMessage {
  switch (type) {
    case 'authenticate':
      return {
        type,
        apiKey: required(input, 'apiKey', input.text('apiKey', MAX_SECRET_LENGTH)),
        since: input.text('since', 40),
      };
    case 'ping':
    case 'subscriptions':
    case 'stats':
      return { type };
    case 'subscribe': {
      if (input.has('query'))
        return { type, channels: [], filter: {}, options: {}, query: queryRequest(input, BESIDE_QUERY) };
      const filter = filterOf(input);
      const all = input.flag('all');
      const channels = required(input, 'channels', channelsOf(input)).map((channel) => named(channel, filter, all));
      const requests = channels.flatMap(({ request }) => request ?? []);
      assertPossibleTypes(requests, (detail) => input.fault('filters.eventTypes', detail));
      return {
        type,
        channels,
        filter,
        options: readOptions(input),
      };
    }
    case 'unsubscribe':
      return { type, channels: channelsOf(input), subscriptionId: input.text('subscriptionId') };
    default:
      required(input, 'filters', input.object('filters', FILTER_FIELDS));
      return { type, channels: channelsOf(input), filter: filterOf(input), options: readMode(input) };
  }
}

function named(channel: string, filter: SubscriptionFilter, all: boolean | undefined): NamedChannel {
  const request = channelRequest(channel, filter);
  return { channel, request: request && withOwners(request, all) };
}

function channelsOf(input: Input): readonly string[] | undefined {
  const names = input.names('channels');
  return names && [...new Set(names)];
}

function filterOf(input: Input): SubscriptionFilter {
  const filters = input.object('filters', FILTER_FIELDS);
  return filters ? readFilter(filters, 'webSocket') : {};
}

function required<T>(input: Input, name: string, value: T | undefined): T {
  if (value === undefined) throw input.fault(name, 'is required');
  return value;
}
