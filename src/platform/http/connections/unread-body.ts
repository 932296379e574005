import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { MAX_SMALL_BODY_BYTES } from '../bodies/body-limit.js';
import { declaredLength, hasBody } from '../bodies/read-body.js';

/** Time that a client has to read its answer before the connection that still brings its body is cut, ms. */
const LAST_LOOK_MS = 1_000;

/**
 * Ends the connection of a request that was answered before its body was in: what nobody wants is not read either. A small
 * rest is, so that the connection can be used again.
 */
export function leaveUnread(request: IncomingMessage, response: ServerResponse): true {
  const { socket } = request;
  if (hasBody(request)) response.once('finish', () => request.complete || socket.destroyed || leave(request, socket));
  return true;
}

function leave(request: IncomingMessage, socket: Socket): void {
  if (declaredLength(request) <= MAX_SMALL_BODY_BYTES) {
    request.resume();
    return;
  }
  request.pause();
  socket.pause();
  socket.end();
  const cut = setTimeout(() => socket.destroy(), LAST_LOOK_MS);
  socket.once('close', () => clearTimeout(cut));
}
