import type { IncomingMessage } from 'node:http';

/** Session id of Socket.IO's engine in an address; ids begin with the name of their process and a point. */
const SESSION_ID = /^\/socket\.io\/\?(?:[^#]*&)?sid=([^&#]{1,300})(?:[&#]|$)/;

/** Sessions whose client has shown a valid key. */
const known = new Set<string>();

export function addSession(sessionId: string): void {
  known.add(sessionId);
}

export function removeSession(sessionId: string): void {
  known.delete(sessionId);
}

/** Whether a request belongs to a session of Socket.IO whose client has shown a valid key. */
export function isOfKnownSession({ url = '' }: IncomingMessage): boolean {
  const sessionId = SESSION_ID.exec(url)?.[1];
  return sessionId !== undefined && known.has(sessionId);
}
