import type { LogEvent } from '../core/log-event.js';

/** Weight of a value that is no text, and of the object or list around others; characters. */
const MEMBER = 16;

/** Returns about how many characters the event's data takes in memory: its texts and its names; 0 without data. */
export function dataWeight({ data }: LogEvent): number {
  return data === null ? 0 : weightOf(data);
}

/** The depth is that of stored JSON, which every way in bounds. */
function weightOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return MEMBER;
  let weight = MEMBER;
  for (const [name, member] of Object.entries(value)) weight += name.length + weightOf(member);
  return weight;
}
