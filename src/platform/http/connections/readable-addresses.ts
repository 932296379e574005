import type { IncomingMessage, Server } from 'node:http';

/** Address that matches no route and cannot be decoded. */
const UNREADABLE = '/%';

/**
 * Replaces targets that Express cannot parse (`GET http://[`), which it would answer with a page of its own, past all
 * middleware. The replacement is merely not validly encoded, and gets the problem, the request id and the log line of every
 * other.
 */
export function readableAddresses(server: Server): void {
  server.prependListener('request', (request: IncomingMessage) => {
    if (!URL.canParse(request.url ?? '', 'http://localhost')) request.url = UNREADABLE;
  });
}
