import { createHash } from 'node:crypto';
import { DomainError } from '../../platform/errors/domain-error.js';

/** Content of a list's cursor: the last row's sort value, and an id that distinguishes rows with the same value. */
type PagePosition = readonly (string | number | null)[];

/** Maximum characters of a cursor: enough for the longest slug and name in any script. */
export const MAX_CURSOR_LENGTH = 4_096;

/**
 * Encodes the cursor of a paged list, as base64url of a small JSON array whose first element is a hash of the list and its
 * filters. The content is not trusted. A cursor of another list or other filters is refused, because it would give wrong
 * pages.
 */
export function encodePageCursor(scope: unknown, position: PagePosition): string {
  return Buffer.from(JSON.stringify([scopeHash(scope), ...position])).toString('base64url');
}

/** Decodes a cursor. `types` are the types of its values in order; null is allowed for each. */
export function decodePageCursor(
  scope: unknown,
  cursor: string | undefined,
  types: readonly ('string' | 'number')[],
): PagePosition | undefined {
  if (cursor === undefined) return undefined;
  const [hash, ...position] = parse(cursor);
  const fits =
    position.length === types.length &&
    position.every((value, index) => value === null || typeof value === types[index]);
  if (!fits) throw invalidCursor('the value is not a cursor of this API');
  if (hash !== scopeHash(scope)) throw invalidCursor('the cursor belongs to another list, or to other filters');
  return position as PagePosition;
}

export function invalidCursor(detail: string, code = 'invalid_cursor', pointer = '?cursor'): DomainError {
  return new DomainError('invalid_request', `Invalid ${pointer.slice(1)}: ${detail}; start again without it.`, {
    field: pointer.slice(1),
    errors: [{ pointer, code, detail }],
  });
}

function parse(cursor: string): unknown[] {
  if (cursor.length > MAX_CURSOR_LENGTH || !/^[\w-]+$/.test(cursor)) return [];
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

function scopeHash(scope: unknown): string {
  return createHash('sha256').update(JSON.stringify(scope)).digest('base64url').slice(0, 10);
}
