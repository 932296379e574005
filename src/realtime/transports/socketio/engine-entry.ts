import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Server } from 'socket.io';

type Engine = Server['engine'];

/** Separator after the pod's name in a session id; no name contains it. */
const SEPARATOR = '.';
const NAME_BYTES = 6;
const SESSION_BYTES = 15;

/**
 * Makes session ids of the engine begin with the pod's name: all requests of one session must reach the process that has it,
 * and a balancer can route them by this id, without cookies or addresses.
 */
export function nameSessions(engine: Engine, podId: string = randomBytes(NAME_BYTES).toString('hex')): void {
  engine.generateId = () => `${podId}${SEPARATOR}${randomBytes(SESSION_BYTES).toString('base64url')}`;
}

/**
 * Keeps only the parts of the connection's first request that namespaces joined later need. The rest would take 2 KB of
 * memory for as long as the connection is open.
 */
export function keepLittleOfRequests(engine: Engine): void {
  engine.prependListener('connection', (connection: { request: object }) => {
    const { headers, url, socket, _query } = connection.request as IncomingMessage & { _query?: unknown };
    connection.request = { headers, url, socket, connection: socket, _query };
  });
}
