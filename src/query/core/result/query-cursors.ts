import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import type { Query } from '../ast.js';
import { inputFault } from '../../../platform/input/faults.js';
import type { KeyValue } from '../sql/keyset.js';
import type { Span } from '../plan/plan.js';
import { canonicalJson } from '../../../platform/http/paging/list-cursor.js';

/** Position after which the next page starts, and the range to which the first page resolved relative times. */
export interface PagePosition {
  readonly position: readonly (KeyValue | null)[];
  readonly range: Span | undefined;
}

const VERSION = 1;
const SIGNATURE_BYTES = 16;

/** Canonical texts by query; the cursor, the cache key and the next cursor need them. */
const canonical = new WeakMap<Query, string>();

/** Returns the query as canonical text, without `cursor`, `at_least`, `explain` and `limit`. */
export function canonicalQuery(query: Query): string {
  const known = canonical.get(query);
  if (known !== undefined) return known;
  const { cursor: _cursor, atLeast: _atLeast, explain: _explain, limit: _limit, ...asked } = query;
  const text = canonicalJson(asked);
  canonical.set(query, text);
  return text;
}

export function hashOf(...parts: readonly unknown[]): string {
  return hash('sha256', JSON.stringify(parts), 'base64url');
}

/** Cursors of query pages. They are signed, so that only positions from answers are accepted, and bound to their query. */
export class QueryCursors {
  constructor(private readonly secret: string) {}

  encode(query: Query, { position, range }: PagePosition): string {
    const body = [
      VERSION,
      hashOf(canonicalQuery(query)).slice(0, 12),
      range ? [range.from, range.to] : null,
      ...position,
    ];
    const text = Buffer.from(JSON.stringify(body)).toString('base64url');
    return `${text}.${this.sign(text).toString('base64url')}`;
  }

  decode(query: Query): PagePosition | undefined {
    if (query.cursor === undefined) return undefined;
    const [text = '', signature = '', ...rest] = query.cursor.split('.');
    const given = Buffer.from(signature, 'base64url');
    const right = this.sign(text);
    if (rest.length > 0 || given.length !== right.length || !timingSafeEqual(given, right)) {
      throw invalid('invalid_cursor', 'The cursor was not issued by this API: omit it to start with the first page.');
    }
    const body = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as [
      number,
      string,
      [number, number] | null,
    ];
    const [version, asked, range, ...position] = body;
    if (version !== VERSION || asked !== hashOf(canonicalQuery(query)).slice(0, 12)) {
      throw invalid(
        'cursor_mismatch',
        'The cursor belongs to another query: send it with the query whose answer contained it, or omit it.',
      );
    }
    return { position, range: range ? { from: range[0], to: range[1] } : undefined };
  }

  private sign(text: string): Buffer {
    return createHmac('sha256', this.secret).update(text).digest().subarray(0, SIGNATURE_BYTES);
  }
}

function invalid(code: string, detail: string): Error {
  return inputFault('invalid_request', '/cursor', code, detail);
}
