import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { DomainError } from '../../errors/domain-error.js';
import { problemOf } from '../../errors/problem.js';

/** Time for a client to read the answer before its connection is cut, ms. */
const CLOSE_TIMEOUT_MS = 1_000;

/**
 * Answers on a connection that has no response object (a refused upgrade, a request that cannot be read) like every other
 * request, and ends it. Further input is discarded, so that the client still receives the answer.
 */
export function endWithProblem(stream: Duplex, error: DomainError, path: string): void {
  const body = JSON.stringify(problemOf(error, path));
  const head = [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}`,
    'Connection: close',
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    ...(error.retryAfterMs === undefined ? [] : [`Retry-After: ${Math.ceil(error.retryAfterMs / 1_000)}`]),
  ];
  stream.resume();
  stream.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  const cut = setTimeout(() => stream.destroy(), CLOSE_TIMEOUT_MS);
  stream.once('close', () => clearTimeout(cut));
}
