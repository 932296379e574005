import { EVENT_TYPES, eventTypesWhere, STEPS, type EventType, type LogEvent } from '../../events/index.js';
import type { Dimension, SubscriptionRequest } from './subscription.js';

const DIMENSIONS: readonly Dimension[] = ['protocol', 'chain', 'token'];
/** A filter's list may be large; a Set keeps a match at one look-up. */
type Values = ReadonlySet<string>;

/** A subscription's conditions, ready to be compared with events. Equal filters have equal keys and share one group. */
export interface Filter {
  readonly key: string;
  readonly types: readonly EventType[];
  readonly protocol: Values | undefined;
  readonly chain: Values | undefined;
  readonly token: Values | undefined;
  /** Dimensions that the event must have; the others are ignored when the event lacks them. */
  readonly required: Readonly<Record<Dimension, boolean>>;
  /** 0: no threshold; n: the n-th step. */
  readonly stepIndex: number;
  readonly minValue: number | undefined;
  readonly maxValue: number | undefined;
  /** Rows of every owner. */
  readonly all: boolean;
}

/** Returns the place of a step among the steps, from 1; 0 for "no step". Tolerant like the steps themselves: 1e-9. */
export function stepIndex(fraction: number | null | undefined): number {
  if (fraction === null || fraction === undefined) return 0;
  let index = 0;
  for (const step of STEPS) if (step <= fraction + 1e-9) index++;
  return index;
}

/** Returns the event types of a subscription before `eventTypes` narrows them; those of a channel are given with it. */
export function selectedTypes({ selects, type }: SubscriptionRequest): readonly EventType[] {
  if (selects !== undefined) return selects;
  return type === 'channel' ? EVENT_TYPES : eventTypesWhere(({ followedBy }) => followedBy.includes(type));
}

/** Returns the types among `asked` that the request selects, in a fixed order. */
export function narrowedTypes(request: SubscriptionRequest, asked: readonly EventType[] | undefined): EventType[] {
  return selectedTypes(request)
    .filter((type) => asked === undefined || asked.includes(type))
    .sort();
}

export function compileFilter(request: SubscriptionRequest): Filter {
  const required: Record<Dimension, boolean> = { protocol: false, chain: false, token: false };
  const values: Partial<Record<Dimension, Values>> = {};
  for (const dimension of DIMENSIONS) {
    const about = request.about?.[dimension];
    const listed = request.filter[`${dimension}s`];
    required[dimension] = about !== undefined;
    const both = about && listed ? about.filter((value) => listed.includes(value)) : (about ?? listed);
    if (both !== undefined) values[dimension] = new Set(both);
  }
  const filter = {
    types: narrowedTypes(request, request.filter.types),
    protocol: values.protocol,
    chain: values.chain,
    token: values.token,
    required,
    stepIndex: stepIndex(request.filter.threshold),
    minValue: request.filter.minValue,
    maxValue: request.filter.maxValue,
    all: request.all === true,
  };
  return { key: keyOf(filter), ...filter };
}

function keyOf(filter: Omit<Filter, 'key'>): string {
  const list = (values: Values | undefined) => (values ? [...values].sort() : null);
  return JSON.stringify([
    filter.types,
    list(filter.protocol),
    list(filter.chain),
    list(filter.token),
    DIMENSIONS.filter((dimension) => filter.required[dimension]),
    filter.stepIndex,
    filter.minValue ?? null,
    filter.maxValue ?? null,
    filter.all,
  ]);
}

/** Counts the protocols, chains and tokens of a filter: its cost in the index. */
export function namesIn(filter: Filter): number {
  return DIMENSIONS.reduce((sum, dimension) => sum + (filter[dimension]?.size ?? 0), 0);
}

function passes(values: Values | undefined, value: string | null, required: boolean): boolean {
  if (value === null) return !required;
  return values === undefined || values.has(value);
}

/** Whether the filter has no condition on any dimension other than the given one. */
export function namesOnly(filter: Filter, dimension: Dimension | undefined): boolean {
  return DIMENSIONS.every((name) => name === dimension || filter[name] === undefined);
}

/** Whether the value before or after is in the range: a client also sees the event with which a key leaves it. */
function inRange(filter: Filter, event: LogEvent): boolean {
  if (filter.minValue === undefined && filter.maxValue === undefined) return true;
  if (event.previous === null && event.current === null) return true;
  return isInside(filter, event.previous) || isInside(filter, event.current);
}

function isInside({ minValue, maxValue }: Filter, value: number | null): boolean {
  if (value === null) return false;
  return (minValue === undefined || value >= minValue) && (maxValue === undefined || value <= maxValue);
}

/** Whether all conditions other than type, owner and threshold hold: those that the index does not check. */
export function matchesFields(filter: Filter, event: LogEvent): boolean {
  return (
    passes(filter.protocol, event.protocol, filter.required.protocol) &&
    passes(filter.chain, event.chain, filter.required.chain) &&
    passes(filter.token, event.token, filter.required.token) &&
    inRange(filter, event)
  );
}

function passesThreshold(filter: Filter, event: LogEvent): boolean {
  return filter.stepIndex === 0 || event.moved === null || stepIndex(event.moved) >= filter.stepIndex;
}

/**
 * Whether an event belongs to a filter. Stateless: the same answer live, in replay and on every pod. Ownership is checked
 * elsewhere (`mayReceive`).
 */
export function matches(filter: Filter, event: LogEvent): boolean {
  return (
    (filter.types as readonly string[]).includes(event.type) &&
    passesThreshold(filter, event) &&
    matchesFields(filter, event)
  );
}

/** Returns the names of the conditions that fail; empty if the event belongs to the filter. */
export function mismatches(filter: Filter, event: LogEvent): string[] {
  const failed: string[] = [];
  if (!(filter.types as readonly string[]).includes(event.type)) failed.push('eventTypes');
  if (!passesThreshold(filter, event)) failed.push('threshold');
  for (const dimension of DIMENSIONS) {
    if (!passes(filter[dimension], event[dimension], filter.required[dimension])) failed.push(`${dimension}s`);
  }
  if (!inRange(filter, event)) failed.push('range');
  return failed;
}
