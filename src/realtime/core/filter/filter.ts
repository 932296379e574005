import type { LogEvent } from '../../../events/index.js';
import {
  CONDITION_NAMES,
  CONDITIONS,
  DIMENSIONS,
  inRange,
  passes,
  passesFinality,
  passesThreshold,
  passesTypes,
  type ConditionName,
  type Filter,
} from './conditions.js';
import { compileFields } from './fields.js';
import type { Dimension, SubscriptionRequest } from './subscription-request.js';

/**
 * Compiles the filter of a subscription. One object literal creates all filters, so that all have the same hidden class:
 * this makes comparisons fastest.
 */
export function compileFilter(request: SubscriptionRequest): Filter {
  const { about, all = false } = request;
  const { types, protocol, chain, token, stepIndex, min, max, finality } = compileFields(request);
  const required = {
    protocol: about?.protocol !== undefined,
    chain: about?.chain !== undefined,
    token: about?.token !== undefined,
  };
  const filter = { types, protocol, chain, token, required, stepIndex, min, max, finality, all };
  return { key: keyOf(filter), ...filter };
}

/**
 * Returns the key of a filter, made from all its members: no member can be forgotten, so filters that differ never share
 * a group.
 */
function keyOf(filter: Readonly<Record<string, KeyPart>>): string {
  return JSON.stringify(Object.values(filter).map((part) => (isSet(part) ? [...part].sort() : part)));
}

/** Types of members that a key distinguishes; JSON would write other objects as `{}`. */
type KeyPart =
  | string
  | number
  | boolean
  | undefined
  | readonly string[]
  | ReadonlySet<string>
  | Readonly<Record<Dimension, boolean>>;

const isSet = (part: KeyPart): part is ReadonlySet<string> => part instanceof Set;

/** Counts the protocols, chains and tokens of a filter: its cost in the index. */
export function namesIn(filter: Filter): number {
  return DIMENSIONS.reduce((sum, dimension) => sum + (filter[dimension]?.size ?? 0), 0);
}

/** Whether the filter has no condition on any dimension other than the given one. */
export function namesOnly(filter: Filter, dimension: Dimension | undefined): boolean {
  return DIMENSIONS.every((name) => name === dimension || filter[name] === undefined);
}

/** Whether all conditions other than type, owner, threshold and finality hold; the caller checks these four. */
export function matchesFields(filter: Filter, event: LogEvent): boolean {
  return (
    passes(filter.protocol, event.protocol, filter.required.protocol) &&
    passes(filter.chain, event.chain, filter.required.chain) &&
    passes(filter.token, event.token, filter.required.token) &&
    inRange(filter, event)
  );
}

/**
 * Whether an event matches a filter: all `CONDITIONS` hold. Written out for speed, because a replay calls this for every
 * event. Stateless: the result is the same live, in a replay and on every pod. Ownership is checked elsewhere
 * (`mayReceive`).
 */
export function matches(filter: Filter, event: LogEvent): boolean {
  return (
    passesTypes(filter, event) &&
    passesThreshold(filter, event) &&
    matchesFields(filter, event) &&
    passesFinality(filter, event)
  );
}

/** Returns the names of the conditions that fail; empty if the event matches the filter. */
export function mismatches(filter: Filter, event: LogEvent): ConditionName[] {
  return CONDITION_NAMES.filter((name) => !CONDITIONS[name].passes(filter, event));
}
