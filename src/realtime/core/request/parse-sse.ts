import { DomainError } from '../../../platform/errors/domain-error.js';
import { channelRequest, withOwners } from './channel-request.js';
import { FIELDS, readFilter } from '../filter/fields.js';
import { Input, invalid } from '../wire/input.js';
import { readOptions } from './options.js';
import { queryRequest } from './query-request.js';
import { assertPossibleTypes } from '../filter/selected-types.js';
import type { SubscribeOptions } from '../session/session-calls.js';
import type { SubscriptionFilter, SubscriptionRequest } from '../filter/subscription-request.js';

export interface StreamRequest {
  readonly requests: readonly SubscriptionRequest[];
  readonly options: SubscribeOptions;
}

const FILTER_FIELDS = FIELDS.map(({ name }) => name);
const NUMBER_FIELDS = FIELDS.filter(({ form }) => form === 'number').map(({ name }) => name);
const CHOICE_FIELDS = FIELDS.filter(({ form }) => form === 'choice').map(({ name }) => name);
const LISTS = [
  'channels',
  ...FILTER_FIELDS.filter((name) => !NUMBER_FIELDS.includes(name) && !CHOICE_FIELDS.includes(name)),
];
const NUMBERS = [...NUMBER_FIELDS, 'intervalMs'];
const TEXTS = ['since', 'mode', 'query', ...CHOICE_FIELDS];
const BESIDE_QUERY = ['channels', ...FILTER_FIELDS, 'all', 'snapshot'];
const FLAGS = ['snapshot', 'all'];
const KNOWN = [...LISTS, ...NUMBERS, ...TEXTS, ...FLAGS];

/** Parameter with the caller's key; not part of the subscription. */
const KEY = 'apiKey';
/** Query parameters for libraries that cannot send the header `Last-Event-ID`. */
const LAST_EVENT_ID = ['lastEventId', 'last_event_id'];

/** Maximum number of names in one list of a body; a URL is too short for so many. */
const MAX_BODY_NAMES = 5_000;

/**
 * Parses the query of an event stream as subscriptions. `lastEventId`, the header, is the browser's own record of its
 * position and takes precedence over `since`, which a reconnecting EventSource repeats unchanged. An invalid
 * `lastEventId` is treated like the cursor of another log instead of being refused, because the client could not correct
 * it.
 */
export function parseStreamQuery(query: URLSearchParams, lastEventId: string | undefined): StreamRequest {
  try {
    return streamRequest(Input.of(valuesOf(query), KNOWN), positionOf(query, lastEventId));
  } catch (error) {
    throw error instanceof DomainError ? ofParameter(error) : error;
  }
}

/** Parses a request whose subscriptions are a JSON body; the URL may then contain only the key and the position. */
export function parseStreamBody(body: unknown, query: URLSearchParams, lastEventId: string | undefined): StreamRequest {
  const [beside] = Object.keys(valuesOf(query));
  if (beside !== undefined) throw ofParameter(invalid(beside.slice(0, 64), 'must be in the body'));
  return streamRequest(Input.of(body, KNOWN, { maxNames: MAX_BODY_NAMES }), positionOf(query, lastEventId));
}

/** Returns the header; without a header, the last position in the query. */
function positionOf(query: URLSearchParams, header: string | undefined): string | undefined {
  const given = [...LAST_EVENT_ID.flatMap((name) => query.getAll(name)), header ?? ''];
  return given.findLast((text) => text !== '');
}

/** Returns the same error with pointers to query parameters instead of body members. */
function ofParameter({ code, message, field, errors }: DomainError): DomainError {
  const faults = errors?.map((fault) => ({ ...fault, pointer: `?${fault.pointer.slice(1)}` }));
  return new DomainError(code, message, { field, errors: faults });
}

function streamRequest(input: Input, lastEventId: string | undefined): StreamRequest {
  if (input.has('query')) return { requests: [queryRequest(input, BESIDE_QUERY)], options: {} };
  const filter = readFilter(input, 'common');
  const options = readOptions(input);
  const channels = [...new Set(input.names('channels') ?? channelsFor(filter))];
  const all = input.flag('all');
  const requests = channels.map((channel, index) => withOwners(requestOf(channel, index, filter), all));
  assertPossibleTypes(requests, (detail) => input.fault('eventTypes', detail));
  return {
    requests,
    options: lastEventId === undefined ? options : { ...options, since: lastEventId },
  };
}

/**
 * Returns the default channels: TVL and protocols for a filter by protocols, prices for a filter by tokens, otherwise all
 * three.
 */
function channelsFor({ protocols, tokens }: SubscriptionFilter): readonly string[] {
  if (protocols && !tokens) return ['events:tvl', 'events:protocols'];
  if (tokens && !protocols) return ['events:prices'];
  return ['events:tvl', 'events:prices', 'events:protocols'];
}

function requestOf(channel: string, index: number, filter: SubscriptionFilter): SubscriptionRequest {
  const request = channelRequest(channel, filter);
  if (!request) throw invalid(`channels/${index}`, 'is not a channel; see /asyncapi.yaml');
  return request;
}

/**
 * Reads the values of a query: lists are comma-separated or repeated parameters; numbers and flags are parsed from their
 * text.
 */
function valuesOf(query: URLSearchParams): Record<string, unknown> {
  const values: Record<string, unknown> = Object.create(null);
  for (const [name, given] of textsOf(query)) {
    if (name === KEY || LAST_EVENT_ID.includes(name)) continue;
    values[name] = LISTS.includes(name) ? given.flatMap((text) => text.split(',')) : single(name, given);
  }
  return values;
}

/** Collects the values in one pass, because a client may send thousands of parameters. */
function textsOf(query: URLSearchParams): ReadonlyMap<string, string[]> {
  const texts = new Map<string, string[]>();
  for (const [name, text] of query) {
    const given = texts.get(name);
    if (given) given.push(text);
    else texts.set(name, [text]);
  }
  return texts;
}

function single(name: string, given: readonly string[]): unknown {
  const [text = ''] = given;
  if (given.length > 1) throw invalid(name, 'must be given only once');
  if (name === 'query') return jsonOf(text);
  if (NUMBERS.includes(name)) return /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?$/i.test(text) ? Number(text) : text;
  if (FLAGS.includes(name))
    return text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : text;
  return text;
}

/** Parses JSON. Other text is returned unchanged; the caller refuses it because it is not a query object. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
