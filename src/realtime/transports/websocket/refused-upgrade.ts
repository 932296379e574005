import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { DomainError } from '../../../platform/errors/domain-error.js';
import { problemOf } from '../../../platform/errors/problem.js';

/** Answers an upgrade request that nobody takes, as every other request is answered, and ends its connection. */
export function refuseUpgrade(stream: Duplex, error: DomainError, path: string): void {
  const body = JSON.stringify(problemOf(error, path));
  const retryAfter = error.retryAfterMs === undefined ? [] : [`Retry-After: ${Math.ceil(error.retryAfterMs / 1_000)}`];
  const head = [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}`,
    'Connection: close',
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    ...retryAfter,
  ];
  stream.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => stream.destroy());
}
