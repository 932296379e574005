import type { OutgoingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { DomainError } from '../errors/domain-error.js';
import { endWithProblem } from './connections/raw-problem.js';

/** Limit of a URL and all headers together, bytes: twice the longest URL that a route accepts (500 coins in 32 KB). */
const MAX_HEADER_BYTES = 65_536;

/**
 * Raises Node's limit of 16 KiB for URL and headers, so that a route can name its own limit, and answers requests that Node
 * cannot parse with problem+json.
 */
export function longAddresses(server: Server): void {
  // Node reads this property for every connection. Its types offer it as an option of `createServer` only, and Nest passes
  // no options.
  Object.assign(server, { maxHeaderSize: MAX_HEADER_BYTES });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket & { _httpMessage?: OutgoingMessage }) => {
    // If nothing can be sent any more, or an answer has begun, the connection is only closed.
    if (!socket.writable || error.code === 'ECONNRESET' || socket._httpMessage?.headersSent === true) socket.destroy();
    else endWithProblem(socket, faultOf(error.code), '/');
  });
}

function faultOf(code: string | undefined): DomainError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    const message = `URL and headers must have at most ${MAX_HEADER_BYTES} bytes together; send long lists in a body if the route accepts one.`;
    return new DomainError('payload_too_large', message, { status: 431 });
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new DomainError('invalid_request', 'The headers of the request were not complete in time.', { status: 408 });
  }
  return new DomainError('invalid_request', 'The request is not HTTP/1.1.');
}
