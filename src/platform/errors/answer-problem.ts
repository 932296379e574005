import type { IncomingMessage, ServerResponse } from 'node:http';
import { problemOf, requestError } from './problem.js';

/** Default of `Retry-After` by status, ms, for refusals that set no time themselves. */
const RETRY_AFTER_MS: Readonly<Record<number, number>> = { 429: 5_000, 503: 1_000 };

/** Answers a request with problem+json, whether a route or a step before routing refused it. */
export function answerProblem(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
  const error = requestError(thrown);
  if (response.headersSent) {
    // A part of the answer is already sent: only a broken connection shows the client that the rest is missing.
    response.destroy();
    return;
  }
  const retryAfterMs = error.retryAfterMs ?? RETRY_AFTER_MS[error.status];
  if (retryAfterMs !== undefined) response.setHeader('Retry-After', String(Math.ceil(retryAfterMs / 1_000)));
  // A route's cache headers are meant for its regular answer; an error must not be cached.
  response.setHeader('Cache-Control', 'no-store');
  if (error.status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
  const body = Buffer.from(JSON.stringify(problemOf(error, pathOf(request))));
  response.writeHead(error.status, {
    'Content-Type': 'application/problem+json; charset=utf-8',
    'Content-Length': body.length,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** Returns the path as the client sent it, without query and fragment. */
function pathOf(request: IncomingMessage & { originalUrl?: string }): string {
  return /^[^?#]*/.exec(request.originalUrl ?? request.url ?? '')?.[0] ?? '';
}
