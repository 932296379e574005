import type { IncomingMessage, ServerResponse } from 'node:http';
import { MAX_SMALL_BODY_BYTES } from '../bodies/body-limit.js';
import { declaredLength, hasBody } from '../bodies/read-body.js';
import { stopReading } from './socket-reading.js';

/** Time for a client to finish a body of unknown length, and to read its answer before its connection is cut, ms. */
const CLOSE_TIMEOUT_MS = 1_000;

/**
 * Ends the connection of a request that was answered before its body was complete, and announces it in the answer: an unneeded
 * body is not read. A small rest is read, so that the connection can be used again; a body of unknown length for a moment.
 */
export function leaveUnread(request: IncomingMessage, response: ServerResponse): true {
  if (!hasBody(request)) return true;
  const declared = declaredLength(request);
  if (declared > MAX_SMALL_BODY_BYTES && declared !== Infinity) announceEnd(request, response);
  response.once('finish', () => request.complete || request.socket.destroyed || leave(request, declared));
  return true;
}

/**
 * Announces the end: otherwise a client that keeps connections would send its next request into it. `leave` ends the
 * connection; Node would do so at once.
 */
function announceEnd(request: IncomingMessage, response: ServerResponse): void {
  const writeHead = response.writeHead.bind(response) as (...head: unknown[]) => ServerResponse;
  response.writeHead = (...head: unknown[]): ServerResponse => {
    if (request.complete) return writeHead(...head);
    response.shouldKeepAlive = false;
    writeHead(...head);
    // Node closes a connection after its last answer, and input that is still arriving would then destroy the answer.
    return Object.assign(response, { _last: false });
  };
}

/** Discards the rest of a body after the answer. */
function leave(request: IncomingMessage, declared: number): void {
  if (declared <= MAX_SMALL_BODY_BYTES) {
    request.resume();
    return;
  }
  if (declared !== Infinity) {
    cut(request);
    return;
  }
  request.resume();
  setTimeout(() => request.complete || request.socket.destroyed || cut(request), CLOSE_TIMEOUT_MS).unref();
}

/**
 * Stops reading for good. Node reads on after an answer, 2 MB at a time, to discard the rest: 25 refused bodies of 8 MB a
 * second cost a full garbage collection every 200 ms, and 60 ms for every other request (1.8 ms without).
 */
function cut(request: IncomingMessage): void {
  const { socket } = request;
  request._read = () => undefined;
  stopReading(socket);
  socket.end();
  const last = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS);
  socket.once('close', () => clearTimeout(last));
}
