import type { OutgoingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { DomainError } from '../errors/domain-error.js';
import { endWithProblem } from './connections/raw-problem.js';

/** Bytes of an address and all headers: twice the longest address that a route accepts (500 coins in 32 KB). */
const MAX_HEADER_BYTES = 65_536;

/**
 * Accepts addresses that Node's usual 16 KiB would cut off before a route could state its limit, and answers requests that
 * cannot be read like all others.
 */
export function longAddresses(server: Server): void {
  // Read by Node for every connection; its types list it as an option only, and Nest passes none on.
  Object.assign(server, { maxHeaderSize: MAX_HEADER_BYTES });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket & { _httpMessage?: OutgoingMessage }) => {
    // Without a reader, or after an answer has begun, the connection only ends.
    if (!socket.writable || error.code === 'ECONNRESET' || socket._httpMessage?.headersSent === true) socket.destroy();
    else endWithProblem(socket, faultOf(error.code), '/');
  });
}

function faultOf(code: string | undefined): DomainError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    const message = `Address and headers may have ${MAX_HEADER_BYTES} bytes; send long lists in a body where the route takes one.`;
    return new DomainError('payload_too_large', message, { status: 431 });
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new DomainError('invalid_request', 'The request was not complete in time.', { status: 408 });
  }
  return new DomainError('invalid_request', 'The request is not HTTP/1.1.');
}
