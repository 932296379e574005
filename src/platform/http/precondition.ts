import type { Request } from 'express';
import { DomainError } from '../errors/domain-error.js';

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'QUERY', 'OPTIONS']);

/**
 * Refuses a write with `If-Match` or `If-Unmodified-Since`: no route evaluates them, and a client that sends them relies on
 * not overwriting another client's change. `If-Match: *` is accepted, because every existing resource meets it.
 */
export function refusePrecondition({ method, headers }: Pick<Request, 'method' | 'headers'>): void {
  if (READS.has(method)) return;
  const unmet = headers['if-unmodified-since'] === undefined ? headers['if-match'] : 'a time';
  if (unmet === undefined || unmet.trim() === '*') return;
  throw new DomainError(
    'invalid_request',
    'If-Match and If-Unmodified-Since are not supported; remove these headers. To change an alert rule only if nobody ' +
      'else has changed it, send its version in the field version.',
  );
}
