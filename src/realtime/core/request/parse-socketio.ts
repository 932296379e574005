import { channelRequest, withOwners } from './channel-request.js';
import { FIELDS, readFilter } from '../filter/fields.js';
import { distinct, readName } from '../filter/readers.js';
import { Input, invalid } from '../wire/input.js';
import { queryRequest } from './query-request.js';
import { readMode, readOptions } from './options.js';
import { assertPossibleTypes } from '../filter/selected-types.js';
import type { SubscribeOptions } from '../session/session-calls.js';
import {
  SUBSCRIPTION_TYPES,
  type SubscriptionFilter,
  type SubscriptionRequest,
  type SubscriptionType,
  type SubscriptionSelector,
} from '../filter/subscription-request.js';

const SINGLE_FIELDS = FIELDS.flatMap(({ one }) => one ?? []);
const FILTER_FIELDS = [...SINGLE_FIELDS, ...FIELDS.map(({ name }) => name)];
const OPTION_FIELDS = ['since', 'snapshot', 'mode', 'intervalMs'];
const BODY_FIELDS = ['type', 'channel', 'all', 'query', ...FILTER_FIELDS, ...OPTION_FIELDS];
const UPDATE_FIELDS = ['id', 'type', 'channel', 'filters', 'mode', 'intervalMs', ...FILTER_FIELDS];
/** Maximum number of bodies in one `subscribe` call; they are one change with one replay. */
const MAX_BODIES = 100;

interface SubscribeCall {
  requests: SubscriptionRequest[];
  options: SubscribeOptions;
}

/** Parses the argument of `subscribe` on Socket.IO: one body, or an array of them. */
export function parseSubscribe(argument: unknown): SubscribeCall {
  const bodies: readonly unknown[] = Array.isArray(argument) ? argument : [argument];
  if (bodies.length === 0 || bodies.length > MAX_BODIES) {
    throw invalid('', `The argument of subscribe must be one body or an array of 1 to ${MAX_BODIES}.`);
  }
  const options: SubscribeOptions = {};
  const requests = bodies.map((body) => {
    const input = Input.of(body, BODY_FIELDS);
    const { since, snapshot, ...mode } = readOptions(input);
    const request = requestOf(input);
    // The interval of a query belongs to that query; the interval of events belongs to the connection.
    if (request.type === 'query') delete mode.intervalMs;
    if (since !== undefined && options.since !== undefined && since !== options.since) {
      throw input.fault('since', 'must be the same in all bodies of one call');
    }
    Object.assign(options, mode, since === undefined ? {} : { since });
    return { ...request, ...(snapshot === undefined ? {} : { snapshot }) };
  });
  return { requests, options };
}

function requestOf(input: Input): SubscriptionRequest {
  const type = input.oneOf('type', SUBSCRIPTION_TYPES);
  if (type === undefined) throw input.fault('type', `must be one of ${SUBSCRIPTION_TYPES.join(', ')}`);
  if (input.has('query') && type !== 'query') throw input.fault('query', 'must be absent unless type is query');
  if (input.has('channel') && type !== 'channel') throw input.fault('channel', 'must be absent unless type is channel');
  if (type === 'query') return queryRequest(input, [...FILTER_FIELDS, 'all', 'snapshot']);
  const filter = filterOf(input);
  const request = type === 'channel' ? ofChannel(input, filter) : ofType(input, type, filter);
  assertPossibleTypes([request], (detail) => input.fault('eventTypes', detail));
  return withOwners(request, input.flag('all'));
}

function ofChannel(input: Input, filter: SubscriptionFilter): SubscriptionRequest {
  const request = channelRequest(input.text('channel') ?? '', filter);
  if (!request) throw input.fault('channel', 'must name a channel, such as events:prices or events:protocol:aave-v3');
  return request;
}

/** For type `protocol` the listed protocols are the subject of the subscription, not only a filter. */
function ofType(input: Input, type: SubscriptionType, filter: SubscriptionFilter): SubscriptionRequest {
  if (type !== 'protocol') return { type, filter };
  const { protocols, ...rest } = filter;
  if (!protocols) throw input.fault('protocol', 'is required for type protocol');
  return { type, filter: rest, about: { protocol: protocols } };
}

/** Reads a filter whose fields may hold one value or a list. */
function filterOf(input: Input): SubscriptionFilter {
  const filter = readFilter(input, 'common');
  for (const kind of SINGLE_FIELDS) {
    const one = input.text(kind);
    if (one !== undefined)
      filter[`${kind}s`] = distinct([...(filter[`${kind}s`] ?? []), readName(input, kind, one, kind)]);
  }
  return filter;
}

/** Parses the argument of `unsubscribe`: `{id}`, or a body; omitted members match anything. */
export function parseSelector(argument: unknown): SubscriptionSelector {
  const input = Input.of(argument, ['id', ...BODY_FIELDS]);
  const all = input.flag('all');
  const query = input.value('query');
  return {
    ...named(input),
    ...filterOf(input),
    ...(all === undefined ? {} : { all }),
    ...(query === undefined ? {} : { query }),
  };
}

interface UpdateCall {
  selector: SubscriptionSelector;
  /** New filter; absent: only the connection's mode changes. */
  filter?: SubscriptionFilter;
  options: Pick<SubscribeOptions, 'mode' | 'intervalMs'>;
}

/**
 * Parses the argument of `update_filters`. With `filters`, the other members select subscriptions as in `unsubscribe`;
 * without `filters`, the new filters are given beside `id`, `type` and `channel`. Filters change only if the message
 * names at least one; only `filters: {}` removes all filters.
 */
export function parseUpdate(argument: unknown): UpdateCall {
  const input = Input.of(argument, UPDATE_FIELDS);
  const options = readMode(input);
  const filters = input.object('filters', FILTER_FIELDS);
  const beside = filterOf(input);
  if (filters) return { selector: naming({ ...named(input), ...beside }), filter: filterOf(filters), options };
  const { selector, filter } = asInSubscribe(named(input), beside);
  if (Object.keys(filter).length > 0) return { selector: naming(selector), filter, options };
  if (Object.keys(options).length > 0) return { selector, options };
  throw input.fault('filters', 'is required; {} removes all filters');
}

/**
 * Refuses an empty selector, which would select every subscription: JSON omits undefined members, so a faulty client
 * that sends an undefined `id` sends `{}`.
 */
export function naming(selector: SubscriptionSelector): SubscriptionSelector {
  if (Object.keys(selector).length > 0) return selector;
  throw invalid('id', 'is required, unless type, channel or filters select the subscriptions');
}

/** For type `protocol` the protocols select subscriptions: as in `subscribe`, they are the subject, not a filter. */
function asInSubscribe(
  selector: SubscriptionSelector,
  filter: SubscriptionFilter,
): Pick<UpdateCall, 'selector'> & {
  filter: SubscriptionFilter;
} {
  const { protocols, ...rest } = filter;
  if (selector.type !== 'protocol' || selector.id !== undefined || !protocols) return { selector, filter };
  return { selector: { ...selector, protocols }, filter: rest };
}

function named(input: Input): SubscriptionSelector {
  const id = input.text('id');
  const type = input.oneOf('type', SUBSCRIPTION_TYPES);
  const channel = input.text('channel');
  return {
    ...(id === undefined ? {} : { id }),
    ...(type === undefined ? {} : { type }),
    ...(channel === undefined ? {} : { channels: [channel] }),
  };
}
