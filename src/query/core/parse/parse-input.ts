import { shown } from '../../../platform/input/text.js';
import { at, type Faults } from '../../../platform/input/faults.js';

export type Members = Readonly<Record<string, unknown>>;

/** Whether a value is absent; null counts as absent, because many clients send null for omitted members. */
export function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

/**
 * Returns the value as an object with known members only; adds a fault and returns undefined if the value is not an object.
 */
export function objectOf(
  value: unknown,
  pointer: string,
  known: readonly string[],
  faults: Faults,
): Members | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    faults.add(
      pointer,
      'invalid_type',
      `${pointer === '' ? 'The body' : 'The value'} must be an object with ${known.join(', ')}.`,
    );
    return undefined;
  }
  for (const name of Object.keys(value).slice(0, 1_000)) {
    if (!known.includes(name)) {
      faults.add(at(pointer, name), 'unknown_field', `Unknown member ${shown(name)}; allowed: ${known.join(', ')}.`);
    }
  }
  // Reads own members only, so that `__proto__` of a client is never used.
  return Object.fromEntries(known.flatMap((name) => (Object.hasOwn(value, name) ? [[name, Object(value)[name]]] : [])));
}

/** Returns a word of a fixed list; undefined if it is absent. Adds a fault and returns undefined if it is another value. */
export function wordOf<const T extends string>(
  value: unknown,
  pointer: string,
  words: readonly T[],
  faults: Faults,
): T | undefined {
  if (isAbsent(value)) return undefined;
  const word = words.find((candidate) => candidate === value);
  if (word === undefined)
    faults.add(pointer, 'unknown_value', `Unknown value ${shown(value)}; allowed: ${words.join(', ')}.`);
  return word;
}
