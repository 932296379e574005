import { EVENT_TYPE_NAMES, EVENT_TYPES, EVENTS } from '../core/event-catalogue.js';
import type { EventPayloadBase } from '../core/payload.js';
import { commaList } from './query-values.js';

const COMMON = [
  'eventId',
  'cursor',
  'eventType',
  'timestamp',
  'source',
  'confidence',
  'tags',
  'correlationId',
] as const satisfies readonly (keyof EventPayloadBase)[];

/** Returns the columns for events of the requested types, the same on every page, whatever events it has. */
export function eventColumns(types: unknown): readonly string[] {
  const asked = typeof types === 'string' ? commaList(types).map((name) => EVENT_TYPE_NAMES.get(name)) : EVENT_TYPES;
  return [...COMMON, ...asked.flatMap((type) => (type === undefined ? [] : Object.keys(EVENTS[type].example)))];
}
