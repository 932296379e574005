import type { IncomingMessage, ServerResponse } from 'node:http';
import { MAX_SMALL_BODY_BYTES } from '../bodies/body-limit.js';
import { declaredLength, hasBody } from '../bodies/read-body.js';

/** Time that a client has to read its answer before the connection that still brings its body is cut, ms. */
const LAST_LOOK_MS = 1_000;

/**
 * Ends the connection of a request that was answered before its body was in: what nobody wants is not read either. A small
 * rest is, so that the connection can be used again.
 */
export function leaveUnread(request: IncomingMessage, response: ServerResponse): true {
  if (hasBody(request)) response.once('finish', () => request.complete || leave(request));
  return true;
}

function leave(request: IncomingMessage): void {
  if (declaredLength(request) <= MAX_SMALL_BODY_BYTES) {
    request.resume();
    return;
  }
  const { socket } = request;
  request.pause();
  socket.pause();
  socket.end();
  const cut = setTimeout(() => socket.destroy(), LAST_LOOK_MS);
  socket.once('close', () => clearTimeout(cut));
}
