import { isFor, STEPS, type EventType, type Finality, type LogEvent } from '../../../events/index.js';
import type { Dimension, SubscriptionRequest } from './subscription-request.js';

export const DIMENSIONS: readonly Dimension[] = ['protocol', 'chain', 'token'];
/** A Set, because a list may be long: a comparison then takes one look-up. */
export type Values = ReadonlySet<string>;

/** Values of the filter fields, ready for comparison; each field of `FILTER_FIELDS` compiles to at least one. */
export interface CompiledFields {
  readonly types: readonly EventType[];
  readonly protocol: Values | undefined;
  readonly chain: Values | undefined;
  readonly token: Values | undefined;
  /** 0: no threshold; n: the threshold is the n-th step. */
  readonly stepIndex: number;
  /** Range of the value, US dollars. */
  readonly min: number | undefined;
  readonly max: number | undefined;
  /** Row of an on-chain event that the subscription receives. */
  readonly finality: Finality;
}

/** Conditions of a subscription, ready to be compared with events. Equal filters have equal keys and share one group. */
export interface Filter extends CompiledFields {
  readonly key: string;
  /** Dimensions that an event must have. An event that lacks another dimension passes the condition on that dimension. */
  readonly required: Readonly<Record<Dimension, boolean>>;
  /** Whether rows of every owner match. */
  readonly all: boolean;
}

/** A subscription by its conditions: as requested, and ready for comparison. */
export interface Filtered {
  readonly filter: Filter;
  readonly request: SubscriptionRequest;
}

/** Returns the index of a step, counted from 1, or 0 for "no step". Fractions that differ by less than 1e-9 are equal. */
export function stepIndex(fraction: number | null | undefined): number {
  if (fraction === null || fraction === undefined) return 0;
  let index = 0;
  for (const step of STEPS) if (step <= fraction + 1e-9) index++;
  return index;
}

export function passes(values: Values | undefined, value: string | null, required: boolean): boolean {
  if (value === null) return !required;
  return values === undefined || values.has(value);
}

/**
 * Whether the event's previous or current value is in the range: a client also receives the event with which a value
 * leaves the range.
 */
export function inRange(filter: Filter, event: LogEvent): boolean {
  if (filter.min === undefined && filter.max === undefined) return true;
  if (event.previous === null && event.current === null) return true;
  return isInside(filter, event.previous) || isInside(filter, event.current);
}

export function isInside({ min, max }: Filter, value: number | null): boolean {
  if (value === null) return false;
  return (min === undefined || value >= min) && (max === undefined || value <= max);
}

export function passesTypes(filter: Filter, event: LogEvent): boolean {
  return (filter.types as readonly string[]).includes(event.type);
}

export function passesThreshold(filter: Filter, event: LogEvent): boolean {
  return filter.stepIndex === 0 || event.moved === null || stepIndex(event.moved) >= filter.stepIndex;
}

export function passesFinality(filter: Filter, event: LogEvent): boolean {
  return isFor(filter.finality, event);
}

/** A condition that an event may fail. */
interface Condition {
  passes(filter: Filter, event: LogEvent): boolean;
  /** Returns the value that the subscription requires and the value that the event has. */
  explain(subscription: Filtered, event: LogEvent): string;
}

const onDimension = (dimension: Dimension): Condition => ({
  passes: (filter, event) => passes(filter[dimension], event[dimension], filter.required[dimension]),
  explain: ({ filter }, event) => `wants ${listed(filter[dimension])}, the event has ${event[dimension] ?? 'none'}`,
});

/** Conditions by the name under which explanations report them, in the order in which they are tried. */
export const CONDITIONS = {
  eventTypes: {
    passes: passesTypes,
    explain: ({ filter }, event) => `wants ${filter.types.join(', ')}, the event is ${event.type}`,
  },
  threshold: {
    passes: passesThreshold,
    explain: ({ request }, event) => `wants ${request.filter.threshold}, the event moved ${event.moved}`,
  },
  protocols: onDimension('protocol'),
  chains: onDimension('chain'),
  tokens: onDimension('token'),
  range: {
    passes: inRange,
    explain: ({ filter: { min = 0, max = 'any' } }, event) =>
      `wants ${min} to ${max}, the event goes from ${event.previous} to ${event.current}`,
  },
  finality: {
    passes: passesFinality,
    explain: ({ filter }, event) =>
      `wants ${filter.finality}, the event is ${event.type === 'chain_reorg' ? 'instant' : String(event.data?.['status'])}`,
  },
} as const satisfies Readonly<Record<string, Condition>>;

export type ConditionName = keyof typeof CONDITIONS;

export const isCondition = (name: string): name is ConditionName => Object.hasOwn(CONDITIONS, name);
export const CONDITION_NAMES: readonly ConditionName[] = Object.keys(CONDITIONS).filter(isCondition);

function listed(values: Values | undefined): string {
  return values === undefined ? 'one' : [...values].slice(0, 10).join(', ');
}
