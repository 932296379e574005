import { at, shown, type Faults } from './faults.js';

export type Members = Readonly<Record<string, unknown>>;

/** Whether a value is absent; many clients write null for members that they leave out. */
export function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

/** Returns the value as an object with known members only; undefined, and a fault, for anything else. */
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
      `Give an object${pointer === '' ? ' as the body' : ''} with ${known.join(', ')}.`,
    );
    return undefined;
  }
  for (const name of Object.keys(value).slice(0, 1_000)) {
    if (!known.includes(name)) {
      faults.add(at(pointer, name), 'unknown_field', `Unknown member ${shown(name)}; allowed: ${known.join(', ')}.`);
    }
  }
  // Own members only: a client's `__proto__` is never read.
  return Object.fromEntries(known.flatMap((name) => (Object.hasOwn(value, name) ? [[name, Object(value)[name]]] : [])));
}

/** Returns a word of a fixed list; undefined when absent, and undefined with a fault when it is another. */
export function wordOf<const T extends string>(
  value: unknown,
  pointer: string,
  words: readonly T[],
  faults: Faults,
): T | undefined {
  if (isAbsent(value)) return undefined;
  const word = words.find((candidate) => candidate === value);
  if (word === undefined)
    faults.add(pointer, 'unknown_value', `Use one of ${words.join(', ')} instead of ${shown(value)}.`);
  return word;
}

/** Whether a text may go to the database: no zero bytes, no broken Unicode, of limited length. */
export function isPlain(text: string, longest: number): boolean {
  return text.length <= longest && !text.includes('\u0000') && text.isWellFormed();
}
