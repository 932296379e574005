import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { freeOfTurns, preferAddress, preferPlainAddress, takeTurnsAgain } from './address-turns.js';
import { addSession, isOfKnownSession, removeSession } from './known-sessions.js';
import { forgetPeer } from './peers.js';
import { forgetKey, rememberKey } from './shown-keys.js';

/** Requests that were admitted with a key, and connections at whose end the key is remembered again. */
const admitted = new WeakSet<IncomingMessage>();
const remembering = new WeakSet<Socket>();

/**
 * Removes the connection of a request from the bounds after its caller has shown a valid key and is within its limits. When the
 * connection ends, the caller is remembered again: a stream may have lasted for hours, and its client returns at once.
 */
export function becomesKnown(request: IncomingMessage): void {
  const { socket } = request;
  admitted.add(request);
  const rememberAgain = rememberKey(request);
  const preferAgain = preferAddress(request);
  release(socket);
  if (remembering.has(socket)) return;
  remembering.add(socket);
  socket.once('close', () => {
    rememberAgain();
    preferAgain();
  });
}

/**
 * Removes every connection from the bounds that belongs to this session of Socket.IO, whose client has shown a valid key: a
 * polling client uses several. Returns the function to call at the session's end.
 */
export function sessionBecomesKnown(sessionId: string, address: string): () => void {
  addSession(sessionId);
  const preferAgain = preferPlainAddress(address);
  return () => {
    removeSession(sessionId);
    preferAgain();
  };
}

/** Removes the connection of a request from the bounds if the request belongs to a known session; returns whether it does. */
export function admitsSession(request: IncomingMessage): boolean {
  if (!isOfKnownSession(request)) return false;
  admitted.add(request);
  release(request.socket);
  return true;
}

/**
 * Ends a request. A connection whose request was not admitted with a key is read in turns again: it may have shown one before,
 * and refusing costs the loop the same.
 */
export function requestEnds(request: IncomingMessage): void {
  if (admitted.has(request)) return;
  forgetKey(request);
  takeTurnsAgain(request.socket);
}

/**
 * Gives back the place of a connection whose caller has shown a valid key and is beyond its limits, and reads it in turns, like
 * one without a key, until the caller is within them: refusing costs the loop the same.
 */
export function exceedsLimits(request: IncomingMessage): void {
  forgetKey(request);
  forgetPeer(request.socket);
  takeTurnsAgain(request.socket);
}

function release(socket: Socket): void {
  forgetPeer(socket);
  freeOfTurns(socket);
}
