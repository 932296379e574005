import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { addressOf, chargeReading } from './peers.js';
import { RequestTurns } from './request-turns.js';
import { stopRequests } from './socket-reading.js';

/** Requests that may wait on one connection behind the current one; the connection ends after the last of them. */
const MAX_WAITING = 32;

interface Line {
  inWork: boolean;
  readonly waiting: [IncomingMessage, ServerResponse][];
}

type Step = (request: IncomingMessage, response: ServerResponse) => boolean;

/**
 * Runs one request of a connection at a time, in turns with other addresses; the others wait for its answer: Node would start
 * all that a client wrote at once.
 * `arrived` gets each as it arrives; `steps` get every request first, also those of Socket.IO, and decide whether it goes on.
 * This replaces the server's event because the engine of Socket.IO puts itself before all listeners.
 */
export function oneRequestAtATime(
  server: Server,
  steps: readonly Step[],
  arrived: (request: IncomingMessage) => void,
): void {
  const lines = new WeakMap<Socket, Line>();
  const turns = new RequestTurns();
  const emit = server.emit.bind(server) as (event: string | symbol, ...values: unknown[]) => boolean;

  const begin = (line: Line, request: IncomingMessage, response: ServerResponse): void => {
    line.inWork = true;
    response.once('close', () => {
      line.inWork = false;
      const [next] = line.waiting.splice(0, 1);
      if (next && !request.socket.destroyed) begin(line, ...next);
    });
    turns.run(addressOf(request.socket), () => {
      if (request.socket.destroyed) return;
      if (steps.every((step) => step(request, response))) emit('request', request, response);
    });
  };

  server.emit = (event: string | symbol, ...values: unknown[]): boolean => {
    if (event !== 'request') return emit(event, ...values);
    const [request, response] = values as [IncomingMessage, ServerResponse];
    arrived(request);
    chargeReading(request.socket, 'request');
    const line = lines.get(request.socket) ?? { inWork: false, waiting: [] };
    lines.set(request.socket, line);
    if (!line.inWork) begin(line, request, response);
    else if (line.waiting.length < MAX_WAITING) line.waiting.push([request, response]);
    else endAfter(line, request.socket);
    return true;
  };
}

/** Ends the connection after the requests that wait, and reads nothing more of it. */
function endAfter(line: Line, socket: Socket): void {
  stopRequests(socket);
  const last = line.waiting.at(-1)?.[1];
  if (last) last.shouldKeepAlive = false;
}
