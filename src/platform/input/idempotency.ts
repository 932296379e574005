import { hash } from 'node:crypto';
import { DomainError } from '../errors/domain-error.js';

/** Pattern of an Idempotency-Key: 1 to 200 visible ASCII characters. */
const KEY = /^[\x21-\x7e]{1,200}$/;

/** Returns the Idempotency-Key of a header; undefined if the client sent none. */
export function idempotencyKeyOf(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && KEY.test(header)) return header;
  throw new DomainError('invalid_request', 'Idempotency-Key must be 1 to 200 visible ASCII characters.', {
    field: 'Idempotency-Key',
  });
}

/** Returns the hash of a body, which is stored with its key. */
export function bodyHash(body: object): string {
  return hash('sha256', JSON.stringify(body), 'base64url');
}

/** Refuses a key that was used with another body. `earlier` and `hashed` are results of `bodyHash`. */
export function refuseOtherBody(earlier: string, hashed: string): void {
  if (earlier === hashed) return;
  throw new DomainError('conflict', 'This Idempotency-Key was used with another body; use another Idempotency-Key.');
}
