import type { IncomingMessage, Server } from 'node:http';

/** Matches no route and cannot be decoded. */
const UNREADABLE = '/%';

/**
 * What Express cannot parse (`GET http://[`) it answers with a page of its own, past all middleware. Such a target becomes
 * an address that is merely not validly encoded, and gets the problem, the request id and the log line of every other.
 */
export function readableAddresses(server: Server): void {
  server.prependListener('request', (request: IncomingMessage) => {
    if (!URL.canParse(request.url ?? '', 'http://localhost')) request.url = UNREADABLE;
  });
}
