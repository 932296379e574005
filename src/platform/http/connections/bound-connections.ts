import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Settings } from '../../settings/settings.js';
import { bodyDeadlines } from '../bodies/body-deadline.js';
import { holdExpectedBodies } from '../bodies/expected-bodies.js';
import { answerProblem } from '../../errors/answer-problem.js';
import { DomainError } from '../../errors/domain-error.js';
import { admitsSession } from './known-callers.js';
import { boundPeers, enterRequest } from './peers.js';
import { readableAddresses } from './readable-addresses.js';
import { oneRequestAtATime } from './request-line.js';
import { boundChunks, noteBegun } from './tiny-chunks.js';
import { leaveUnread } from './unread-body.js';

/** Time limit of headers, ms. */
const HEADERS_TIMEOUT_MS = 15_000;
/**
 * Idle time of a kept connection, ms: longer than that of any client or balancer in front (60 s; with Google's 600 s), so that
 * none of them sends into a connection that is ending.
 */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
const KEEP_ALIVE_BEHIND_PROXIES_TIMEOUT_MS = 620_000;

/** Methods of Socket.IO's engine; it would answer others with an empty 500. */
const ENGINE_METHODS: readonly (string | undefined)[] = ['GET', 'POST', 'OPTIONS'];
const ENGINE_PATH = /^\/socket\.io\//;

/** Bounds connections and requests before there is a route or a caller. */
export function boundConnections(server: Server, { trustProxy, limitConnections }: Settings): void {
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  // `admitted` refuses such a request in its turn; Node would do so at once, hundreds in one read.
  Object.assign(server, { requireHostHeader: false });
  server.keepAliveTimeout = trustProxy > 0 ? KEEP_ALIVE_BEHIND_PROXIES_TIMEOUT_MS : KEEP_ALIVE_TIMEOUT_MS;
  // Behind a proxy all connections are the proxy's own; it bounds those of clients. Their requests take turns all the same.
  if (trustProxy === 0) boundPeers(server, limitConnections.none);
  readableAddresses(server);
  bodyDeadlines(server);
  holdExpectedBodies(server);
  oneRequestAtATime(
    server,
    [noteBegun, leaveUnread, admitted],
    (request) => boundChunks(request, trustProxy === 0),
    trustProxy,
  );
}

/** Whether a request may go on; otherwise it has been answered. */
function admitted(request: IncomingMessage, response: ServerResponse): boolean {
  try {
    if (!admitsSession(request)) enterRequest(request, response);
    refuseUnserved(request);
    if (ENGINE_PATH.test(request.url ?? '') && !ENGINE_METHODS.includes(request.method)) {
      response.setHeader('Allow', ENGINE_METHODS.join(', '));
      throw new DomainError('invalid_request', 'Socket.IO requests must use GET or POST.', { status: 405 });
    }
    return true;
  } catch (error) {
    answerProblem(request, response, error);
    return false;
  }
}

/** Refuses a request that HTTP/1.1 does not allow, or that expects what this server does not do. */
function refuseUnserved({ headers, httpVersion }: IncomingMessage): void {
  if (headers.host === undefined && httpVersion === '1.1')
    throw new DomainError('invalid_request', 'Requests must have the header Host.');
  if (headers.expect !== undefined && !/(?:^|\W)100-continue(?:$|\W)/i.test(headers.expect))
    throw new DomainError('invalid_request', 'The header Expect must be 100-continue.', { status: 417 });
}
