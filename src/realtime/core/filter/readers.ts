import {
  EVENT_TYPE_NAMES,
  EVENT_TYPES,
  nameFault,
  normaliseName,
  type EventType,
  type NameKind,
} from '../../../events/index.js';
import type { Input } from '../wire/input.js';

/**
 * Reads a name and returns its canonical spelling. Refuses names that no data can have: their subscription would never
 * receive an event.
 */
export function readName(input: Input, field: string, given: string, kind: NameKind): string {
  const fault = nameFault(kind, given);
  if (fault !== undefined) throw input.fault(field, fault);
  return normaliseName(kind, given);
}

/** Reads a list of names: aliases resolved, sorted and without repetition. */
export function readNames(input: Input, list: string, kind: NameKind): readonly string[] | undefined {
  const names = input.names(list)?.map((given, index) => readName(input, `${list}/${index}`, given, kind));
  return names && distinct(names);
}

/** Reads a list of event types, each by either of its two names; sorted and without repetition. */
export function readTypes(input: Input, list: string): readonly EventType[] | undefined {
  const types = input.names(list)?.map((given, index) => eventType(input, `${list}/${index}`, given));
  return types && distinct(types);
}

function eventType(input: Input, field: string, name: string): EventType {
  const type = EVENT_TYPE_NAMES.get(name);
  if (type === undefined) throw input.fault(field, `is not an event type; allowed: ${EVENT_TYPES.join(', ')}`);
  return type;
}

/** Returns the values sorted and without repetition. */
export function distinct<T extends string>(values: readonly T[]): readonly T[] {
  return [...new Set(values)].sort();
}
