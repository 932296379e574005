import {
  EVENT_TYPE_NAMES,
  EVENT_TYPES,
  nameFault,
  normaliseName,
  parseChannel,
  roundToStep,
  type EventType,
  type NameKind,
} from '../../events/index.js';
import type { Input } from './input.js';
import type { SubscriptionFilter, SubscriptionRequest } from './subscription.js';

/** The names of one dialect for the fields of a filter. */
export interface FilterNames {
  readonly protocols: string;
  readonly chains: string;
  readonly tokens: string;
  readonly types: string;
}

const HIGHEST_VALUE = Number.MAX_VALUE;
const HIGHEST_THRESHOLD = 1_000;

/** Reads a filter in canonical form: aliases resolved, lists sorted and without repetition, the threshold a step. */
export function readFilter(input: Input, names: FilterNames): SubscriptionFilter {
  const protocols = namesIn(input, names.protocols, 'protocol');
  const chains = namesIn(input, names.chains, 'chain');
  const tokens = namesIn(input, names.tokens, 'token');
  const types = input.names(names.types)?.map((type, index) => eventType(input, `${names.types}/${index}`, type));
  const threshold = input.number('threshold', 0, HIGHEST_THRESHOLD);
  const minValue = input.number('minValue', 0, HIGHEST_VALUE);
  const maxValue = input.number('maxValue', 0, HIGHEST_VALUE);
  if (minValue !== undefined && maxValue !== undefined && minValue > maxValue) {
    throw input.fault('maxValue', 'must not be below minValue');
  }
  return {
    ...(protocols ? { protocols: distinct(protocols) } : {}),
    ...(chains ? { chains: distinct(chains) } : {}),
    ...(tokens ? { tokens: distinct(tokens) } : {}),
    ...(types ? { types: distinct(types) } : {}),
    ...(threshold === undefined ? {} : { threshold: roundToStep(threshold) }),
    ...(minValue === undefined ? {} : { minValue }),
    ...(maxValue === undefined ? {} : { maxValue }),
  };
}

/** Reads a name in its one spelling. Names that no data can have are refused: their subscription would wait for ever. */
export function readName(input: Input, field: string, given: string, kind: NameKind): string {
  const fault = nameFault(kind, given);
  if (fault !== undefined) throw input.fault(field, fault);
  return normaliseName(kind, given);
}

function namesIn(input: Input, list: string, kind: NameKind): string[] | undefined {
  return input.names(list)?.map((given, index) => readName(input, `${list}/${index}`, given, kind));
}

/** Returns the subscription of a channel's name and a filter; undefined for a name that is no channel. */
export function channelRequest(channel: string, filter: SubscriptionFilter): SubscriptionRequest | undefined {
  const selection = parseChannel(channel);
  if (!selection) return undefined;
  const { types, protocol, chain, token } = selection;
  const about = {
    ...(protocol === undefined ? {} : { protocol: [normaliseName('protocol', protocol)] }),
    ...(chain === undefined ? {} : { chain: [normaliseName('chain', chain)] }),
    ...(token === undefined ? {} : { token: [normaliseName('token', token)] }),
  };
  return { type: 'channel', channel, filter, selects: types, about };
}

/** Adds the rows of every owner to an admin's subscription when `all` is set. */
export function withOwners(request: SubscriptionRequest, all: boolean | undefined): SubscriptionRequest {
  return all === true ? { ...request, all } : request;
}

function eventType(input: Input, field: string, name: string): EventType {
  const type = EVENT_TYPE_NAMES.get(name);
  if (type === undefined) throw input.fault(field, `is not an event type; known: ${EVENT_TYPES.join(', ')}`);
  return type;
}

function distinct<T extends string>(values: readonly T[]): readonly T[] {
  return [...new Set(values)].sort();
}
