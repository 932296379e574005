import { DomainError } from '../../platform/errors/domain-error.js';
import { channelRequest, withOwners } from './channel-request.js';
import { FIELDS, readFilter, type SubscriptionFilter } from './filter-fields.js';
import { Input, invalid } from './input.js';
import { readOptions } from './parse-websocket.js';
import { queryRequest } from './query-request.js';
import { assertPossibleTypes } from './selected-types.js';
import type { SubscribeOptions } from './session.js';
import type { SubscriptionRequest } from './subscription.js';

export interface StreamRequest {
  readonly requests: readonly SubscriptionRequest[];
  readonly options: SubscribeOptions;
}

const FILTER_FIELDS = FIELDS.map(({ name }) => name);
const NUMBER_FIELDS = FIELDS.filter(({ form }) => form === 'number').map(({ name }) => name);
const LISTS = ['channels', ...FILTER_FIELDS.filter((name) => !NUMBER_FIELDS.includes(name))];
const NUMBERS = [...NUMBER_FIELDS, 'intervalMs'];
const TEXTS = ['since', 'mode', 'query'];
const BESIDE_QUERY = ['channels', ...FILTER_FIELDS, 'all', 'snapshot'];
const FLAGS = ['snapshot', 'all'];
const KNOWN = [...LISTS, ...NUMBERS, ...TEXTS, ...FLAGS];

/** Parameter with the caller's key; no part of the request proper. */
const KEY = 'apiKey';
/** Parameters in which libraries that cannot send the header `Last-Event-ID` put it. */
const LAST_EVENT_ID = ['lastEventId', 'last_event_id'];

/** Maximum number of names in one list of a body; an address has room for fewer. */
const MAX_BODY_NAMES = 5_000;

/**
 * Parses the query of an event stream as subscriptions. `lastEventId`, the header, is the browser's own record of its position
 * and takes precedence over `since`, which stays in the address of a reconnecting EventSource for ever. One that is no cursor is
 * answered like that of another log instead of being refused: the client could not correct it.
 */
export function parseStreamQuery(query: URLSearchParams, lastEventId: string | undefined): StreamRequest {
  try {
    return streamRequest(Input.of(valuesOf(query), KNOWN), positionOf(query, lastEventId));
  } catch (error) {
    throw error instanceof DomainError ? ofParameter(error) : error;
  }
}

/** Parses a request whose subscriptions are a JSON body; the address then holds at most the key and the position. */
export function parseStreamBody(body: unknown, query: URLSearchParams, lastEventId: string | undefined): StreamRequest {
  const [beside] = Object.keys(valuesOf(query));
  if (beside !== undefined) throw ofParameter(invalid(beside.slice(0, 64), 'belongs into the body'));
  return streamRequest(Input.of(body, KNOWN, { maxNames: MAX_BODY_NAMES }), positionOf(query, lastEventId));
}

/** Returns the header, else the newest position in the address. */
function positionOf(query: URLSearchParams, header: string | undefined): string | undefined {
  const given = [...LAST_EVENT_ID.flatMap((name) => query.getAll(name)), header ?? ''];
  return given.findLast((text) => text !== '');
}

/** Returns the same error with the parameter's name in place of a body's pointer. */
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

/** Channels of a stream that names none: those that its filters concern, or without filters all public ones. */
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

/** Reads the text values of a query: lists are comma-separated or repeated, numbers and flags are written out. */
function valuesOf(query: URLSearchParams): Record<string, unknown> {
  const values: Record<string, unknown> = Object.create(null);
  for (const [name, given] of textsOf(query)) {
    if (name === KEY || LAST_EVENT_ID.includes(name)) continue;
    values[name] = LISTS.includes(name) ? given.flatMap((text) => text.split(',')) : single(name, given);
  }
  return values;
}

/** Collects the values in one pass: a client may send thousands of parameters. */
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
  if (given.length > 1) throw invalid(name, 'may be given once');
  if (name === 'query') return jsonOf(text);
  if (NUMBERS.includes(name)) return /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?$/i.test(text) ? Number(text) : text;
  if (FLAGS.includes(name))
    return text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : text;
  return text;
}

/** Parses JSON; other text is returned as it is, and is then refused as no query. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
