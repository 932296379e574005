import { EVENT_TYPE_NAMES, EVENT_TYPES, EVENTS } from '../../core/event-catalogue.js';
import type { EventPayloadBase } from '../../core/payload.js';
import { commaList } from '../query-values.js';

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

/** Returns the CSV columns for events of the requested types; they do not depend on the events of a page. */
export function eventColumns(types: unknown): readonly string[] {
  const asked = typeof types === 'string' ? commaList(types).map((name) => EVENT_TYPE_NAMES.get(name)) : EVENT_TYPES;
  return [...COMMON, ...asked.flatMap((type) => (type === undefined ? [] : Object.keys(EVENTS[type].example)))];
}
