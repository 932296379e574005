import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestContext } from '../request/request-context.js';

/** Pattern of a request id that a client may choose; the id appears in logs, headers and events. */
const SANE_ID = /^[\w.:-]{1,100}$/;

/**
 * Assigns every request an id, from a valid `X-Request-Id` header or a new one, and returns the id in the answer's header.
 */
export function requestIds(context: RequestContext) {
  return (request: IncomingMessage, response: ServerResponse, next: () => void): void => {
    const given = request.headers['x-request-id'];
    const id = typeof given === 'string' && SANE_ID.test(given) ? given : randomUUID();
    response.setHeader('X-Request-Id', id);
    context.run(id, next);
  };
}
