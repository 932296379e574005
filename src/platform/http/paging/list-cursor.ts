import { hash } from 'node:crypto';
import type { DomainError } from '../../errors/domain-error.js';
import { inputFault } from '../../input/faults.js';

/** Content of a cursor: what tells the last row of a page from all others, in the order of the list. */
export type CursorPosition = readonly (string | number | null)[];

/** Version of the cursors' form; cursors of other versions are refused. */
const VERSION = 1;
/** Maximum characters of a cursor: enough for the longest slug and name in any script. */
export const MAX_CURSOR_LENGTH = 4_096;
/** Number of a row, as lists of numbered rows gave it for a cursor before cursors were bound to their list. */
const NUMBER = /^[1-9]\d{0,17}$/;

/**
 * Returns the cursor behind a position: base64url of a JSON array of the version, a hash of the list with its filters, and
 * the position. `scope` names the list and everything that filters or sorts its rows; the order of its members has no effect.
 */
export function encodeCursor(scope: unknown, position: CursorPosition): string {
  return Buffer.from(JSON.stringify([VERSION, scopeHash(scope), ...position])).toString('base64url');
}

/**
 * Returns the position of a cursor; undefined if there is no cursor. `types` are the types of its values in order; null is
 * allowed for each. Refuses a cursor of another list or of other filters, which would give wrong pages. The values are not
 * trusted: a client can change them.
 */
export function decodeCursor(
  scope: unknown,
  cursor: string | undefined,
  types: readonly ('string' | 'number')[],
): CursorPosition | undefined {
  if (cursor === undefined) return undefined;
  const [version, asked, ...position] = membersOf(cursor);
  if (version === VERSION && asked === scopeHash(scope) && isPosition(position, types)) return position;
  throw refusedCursor();
}

/** Returns the number of the last row of the previous page in a list of numbered rows; null for the first page. */
export function decodeNumber(scope: unknown, cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  if (NUMBER.test(cursor)) return cursor;
  const [number] = decodeCursor(scope, cursor, ['string']) ?? [];
  if (typeof number === 'string' && NUMBER.test(number)) return number;
  throw refusedCursor();
}

function refusedCursor(): DomainError {
  const detail = 'cursor must be a cursor of this list; omit it to start with the first page';
  return inputFault('invalid_request', '?cursor', 'invalid_cursor', detail);
}

function membersOf(cursor: string): unknown[] {
  if (cursor.length > MAX_CURSOR_LENGTH || !/^[\w-]+$/.test(cursor)) return [];
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

function isPosition(values: unknown[], types: readonly ('string' | 'number')[]): values is (string | number | null)[] {
  return values.length === types.length && values.every((value, at) => value === null || typeof value === types[at]);
}

function scopeHash(scope: unknown): string {
  return hash('sha256', canonicalJson(scope), 'base64url').slice(0, 10);
}

/** Returns the value as JSON whose objects have their members sorted by name, without absent ones. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value)) ?? '';
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => [name, sorted(member)]),
  );
}
