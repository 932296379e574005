import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestContext } from './request-context.js';

/** Pattern of a request id chosen by the client: it appears in logs, headers and events. */
const SANE_ID = /^[\w.:-]{1,100}$/;

/** Gives every request its id, from a valid `X-Request-Id` or new, and returns it in the answer. */
export function requestIds(context: RequestContext) {
  return (request: IncomingMessage, response: ServerResponse, next: () => void): void => {
    const given = request.headers['x-request-id'];
    const id = typeof given === 'string' && SANE_ID.test(given) ? given : randomUUID();
    response.setHeader('X-Request-Id', id);
    context.run(id, next);
  };
}
