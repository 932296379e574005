import type { LogEvent } from '../core/log-event.js';

/** Assumed size of a value that is not text, or of an object or array without its members, in characters. */
const MEMBER = 16;

/** Returns the approximate size of the event's data in memory, names of fields included, in characters; 0 without data. */
export function dataWeight({ data }: LogEvent): number {
  return data === null ? 0 : weightOf(data);
}

/** Recursive: data from the database has few levels (platform/database/bounded-json.ts). */
function weightOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return MEMBER;
  let weight = MEMBER;
  for (const [name, member] of Object.entries(value)) weight += name.length + weightOf(member);
  return weight;
}
