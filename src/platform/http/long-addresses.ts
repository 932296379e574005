import type { OutgoingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { DomainError } from '../errors/domain-error.js';
import { endWithProblem } from './connections/raw-problem.js';

/** Bytes of an address and all headers: twice the longest address that a route takes (500 coins in 32 KB). */
const MAX_HEADER_BYTES = 65_536;

/**
 * Takes addresses that Node's usual 16 KiB would cut off before a route could say what its limit is, and says of requests
 * that cannot be read what is wrong, in the words of all other answers.
 */
export function longAddresses(server: Server): void {
  // Read by Node for every connection; its types know it as an option only, and Nest passes none on.
  Object.assign(server, { maxHeaderSize: MAX_HEADER_BYTES });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket & { _httpMessage?: OutgoingMessage }) => {
    // Nobody is there to read it, or an answer has begun, in which another would stand.
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
    return new DomainError('invalid_request', 'The request did not come in time.', { status: 408 });
  }
  return new DomainError('invalid_request', 'The request is not HTTP/1.1.');
}
