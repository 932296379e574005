import type { IncomingMessage, ServerResponse } from 'node:http';
import { problemOf, requestError } from './problem.js';

/** Values of `Retry-After` for refusals without a time of their own, by status, ms. */
const RETRY_AFTER_MS: Readonly<Record<number, number>> = { 429: 5_000, 503: 1_000 };

/** Answers a request with problem+json, for faults found by a route or before all routes. */
export function answerProblem(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
  const error = requestError(thrown);
  if (response.headersSent) {
    // Half an answer is sent: only a broken connection shows the client that the rest is missing.
    response.destroy();
    return;
  }
  const retryAfterMs = error.retryAfterMs ?? RETRY_AFTER_MS[error.status];
  if (retryAfterMs !== undefined) response.setHeader('Retry-After', String(Math.ceil(retryAfterMs / 1_000)));
  // Cache headers of a route concern its answer: an error may be over a moment later.
  response.setHeader('Cache-Control', 'no-store');
  if (error.status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
  const body = Buffer.from(JSON.stringify(problemOf(error, pathOf(request))));
  response.writeHead(error.status, {
    'Content-Type': 'application/problem+json; charset=utf-8',
    'Content-Length': body.length,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** Returns the path of the address as the client wrote it. */
function pathOf(request: IncomingMessage & { originalUrl?: string }): string {
  return /^[^?#]*/.exec(request.originalUrl ?? request.url ?? '')?.[0] ?? '';
}
