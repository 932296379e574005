import type { IncomingMessage, ServerResponse } from 'node:http';
import { MAX_SMALL_BODY_BYTES } from '../bodies/body-limit.js';
import { declaredLength, hasBody } from '../bodies/read-body.js';

/** Time that a client has to finish a body of unknown length, and to read its answer before its connection is cut, ms. */
const LAST_LOOK_MS = 1_000;

/**
 * Ends the connection of a request that was answered before its body was in, and says so in the answer: what nobody wants is
 * not read either. A small rest is, so that the connection can be used again; so is one of unknown length for a moment.
 */
export function leaveUnread(request: IncomingMessage, response: ServerResponse): true {
  if (!hasBody(request)) return true;
  const declared = declaredLength(request);
  if (declared > MAX_SMALL_BODY_BYTES && declared !== Infinity) announceEnd(request, response);
  response.once('finish', () => request.complete || request.socket.destroyed || leave(request, declared));
  return true;
}

/** A client that keeps connections would else send its next request into the end of this one. `leave` ends it: Node would at once. */
function announceEnd(request: IncomingMessage, response: ServerResponse): void {
  const writeHead = response.writeHead.bind(response) as (...head: unknown[]) => ServerResponse;
  response.writeHead = (...head: unknown[]): ServerResponse => {
    if (request.complete) return writeHead(...head);
    response.shouldKeepAlive = false;
    writeHead(...head);
    // Node cuts a connection after its last answer, and what is still coming in then takes the answer with it.
    return Object.assign(response, { _last: false });
  };
}

/** Node drops what still comes of a body after the answer. */
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
  setTimeout(() => request.complete || request.socket.destroyed || cut(request), LAST_LOOK_MS).unref();
}

/**
 * Node reads on after an answer, 2 MB at a time, to drop it: 25 refused bodies of 8 MB a second were a full garbage collection
 * every 200 ms, and 60 ms for everybody else's request (1.8 ms without). So nothing may start reading again.
 */
function cut(request: IncomingMessage): void {
  const { socket } = request;
  request._read = () => undefined;
  socket.pause();
  socket.end();
  const last = setTimeout(() => socket.destroy(), LAST_LOOK_MS);
  socket.once('close', () => clearTimeout(last));
}
