import { DomainError } from '../../platform/errors/domain-error.js';
import { channelRequest, readFilter, withOwners, type FilterNames } from './channel-request.js';
import { Input, invalid } from './input.js';
import { readOptions } from './parse-websocket.js';
import { queryRequest } from './query-request.js';
import type { SubscribeOptions } from './session.js';
import type { SubscriptionFilter, SubscriptionRequest } from './subscription.js';

export interface StreamRequest {
  readonly requests: readonly SubscriptionRequest[];
  readonly options: SubscribeOptions;
}

const FILTER_NAMES: FilterNames = { protocols: 'protocols', chains: 'chains', tokens: 'tokens', types: 'eventTypes' };
const LISTS = ['channels', ...Object.values(FILTER_NAMES)];
const NUMBERS = ['threshold', 'minValue', 'maxValue', 'intervalMs'];
const TEXTS = ['since', 'mode', 'query'];
const BESIDE_QUERY = [
  'channels',
  ...Object.values(FILTER_NAMES),
  'threshold',
  'minValue',
  'maxValue',
  'all',
  'snapshot',
];
const FLAGS = ['snapshot', 'all'];
const KNOWN = [...LISTS, ...NUMBERS, ...TEXTS, ...FLAGS];

/** Names of parameters that say who asks: no part of what is asked. */
const KEY = 'apiKey';
/** Names under which libraries that cannot send the header write it into the address. */
const LAST_EVENT_ID = ['lastEventId', 'last_event_id'];

/** Names in one list of a body; an address has room for fewer. */
const MAX_BODY_NAMES = 5_000;

/**
 * The query of an event stream as subscriptions. `lastEventId`, that of the header, is the browser's own memory of its
 * position and wins over `since`, which stays in the address of a reconnecting EventSource for ever. Anything may stand in
 * it, so what is no cursor is answered like an expired one instead of refusing a client that could not do better.
 */
export function parseStreamQuery(query: URLSearchParams, lastEventId: string | undefined): StreamRequest {
  try {
    return streamRequest(Input.of(valuesOf(query), KNOWN), positionOf(query, lastEventId));
  } catch (error) {
    throw error instanceof DomainError ? ofParameter(error) : error;
  }
}

/** The same with what is asked as a JSON body; the address then holds the key and the position, if anything. */
export function parseStreamBody(body: unknown, query: URLSearchParams, lastEventId: string | undefined): StreamRequest {
  const [beside] = Object.keys(valuesOf(query));
  if (beside !== undefined) throw ofParameter(invalid(beside.slice(0, 64), 'belongs into the body'));
  return streamRequest(Input.of(body, KNOWN, { maxNames: MAX_BODY_NAMES }), positionOf(query, lastEventId));
}

/** The header, else the newest that was written into the address. */
function positionOf(query: URLSearchParams, header: string | undefined): string | undefined {
  const given = [...LAST_EVENT_ID.flatMap((name) => query.getAll(name)), header ?? ''];
  return given.findLast((text) => text !== '');
}

/** The same fault, with the parameter's name where a body would have a pointer. */
function ofParameter({ code, message, field, errors }: DomainError): DomainError {
  const faults = errors?.map((fault) => ({ ...fault, pointer: `?${fault.pointer.slice(1)}` }));
  return new DomainError(code, message, { field, errors: faults });
}

function streamRequest(input: Input, lastEventId: string | undefined): StreamRequest {
  if (input.has('query')) return { requests: [queryRequest(input, BESIDE_QUERY)], options: {} };
  const filter = readFilter(input, FILTER_NAMES);
  const options = readOptions(input);
  const channels = [...new Set(input.names('channels') ?? channelsFor(filter))];
  return {
    requests: channels.map((channel, index) => withOwners(requestOf(channel, index, filter), input.flag('all'))),
    options: lastEventId === undefined ? options : { ...options, since: lastEventId },
  };
}

/** Without channels a stream carries what its filters speak of, and without these everything that is public. */
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

/** A query holds only text: lists are comma-separated or repeated, numbers and flags are written out. */
function valuesOf(query: URLSearchParams): Record<string, unknown> {
  const values: Record<string, unknown> = Object.create(null);
  for (const [name, given] of textsOf(query)) {
    if (name === KEY || LAST_EVENT_ID.includes(name)) continue;
    values[name] = LISTS.includes(name) ? given.flatMap((text) => text.split(',')) : single(name, given);
  }
  return values;
}

/** In one pass: anybody may write thousands of parameters. */
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

/** What is no JSON stays a text, and is then refused as no query. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
