import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { clientAddress } from '../../request/client-address.js';
import { addressGroup } from './address-group.js';
import { addressOf, beginInTurn, chargeReading, upgradeArrives } from './address-turns.js';
import { requestEnds } from './known-callers.js';
import { RequestTurns } from './request-turns.js';
import { validKeyOf } from './shown-keys.js';
import { handOver, stopRequests } from './socket-reading.js';

/** Requests that may wait on one connection behind the current one; the connection ends after the last of them. */
const MAX_WAITING_REQUESTS = 32;

/** A request that waits, or an upgrade. */
interface Waiting {
  readonly response?: ServerResponse;
  readonly begin: () => void;
}

interface Line {
  inWork: boolean;
  readonly waiting: Waiting[];
}

type Step = (request: IncomingMessage, response: ServerResponse) => boolean;

/**
 * Runs one request of a connection at a time, in turns with other addresses; the others, and an upgrade, wait for its answer:
 * Node would start all that a client wrote at once.
 * `arrived` gets each as it arrives; `steps` get every request first, also those of Socket.IO, and decide whether it goes on.
 * This replaces the server's events because the engine of Socket.IO puts itself before all listeners.
 */
export function oneRequestAtATime(
  server: Server,
  steps: readonly Step[],
  arrived: (request: IncomingMessage) => void,
  trustProxy: number,
): void {
  const lines = new WeakMap<Socket, Line>();
  const turns = new RequestTurns();
  const emit = server.emit.bind(server) as (event: string | symbol, ...values: unknown[]) => boolean;

  const clientOf = (request: IncomingMessage): string | undefined =>
    trustProxy > 0 ? addressGroup(clientAddress(request, trustProxy)) : undefined;

  const begin = (line: Line, request: IncomingMessage, response: ServerResponse): void => {
    line.inWork = true;
    response.once('close', () => {
      line.inWork = false;
      requestEnds(request);
      const [next] = line.waiting.splice(0, 1);
      if (!request.socket.destroyed) next?.begin();
    });
    const start = (): void => {
      if (request.socket.destroyed) return;
      if (steps.every((step) => step(request, response))) emit('request', request, response);
    };
    const client = clientOf(request);
    const name = validKeyOf(request) ?? client ?? addressOf(request.socket);
    beginInTurn(request, client, () => turns.run(name, start));
  };

  const arrive = (request: IncomingMessage, response: ServerResponse): void => {
    arrived(request);
    const line = lines.get(request.socket) ?? { inWork: false, waiting: [] };
    lines.set(request.socket, line);
    if (!line.inWork) begin(line, request, response);
    else if (line.waiting.length < MAX_WAITING_REQUESTS)
      line.waiting.push({ response, begin: () => begin(line, request, response) });
    else endAfter(line, request.socket);
    // Afterwards: a connection that was read in its turn begins a request in it.
    chargeReading(request.socket, 'arrival');
  };

  /** Upgrades once the requests before it are answered: their answers would be read as frames. */
  const upgrade = (request: IncomingMessage, emitUpgrade: () => void): void => {
    const { socket } = request;
    // Node leaves it without a listener, and a reset before its new owner listens would end the process.
    socket.on('error', () => undefined);
    upgradeArrives(request);
    const change = (): void => {
      if (socket.destroyed) return;
      handOver(socket);
      emitUpgrade();
    };
    // A connection of its own was read in its turn.
    const client = clientOf(request);
    const begin = client === undefined ? change : (): void => beginInTurn(request, client, change);
    const line = lines.get(socket);
    if (line?.inWork) line.waiting.push({ begin });
    else begin();
  };

  server.emit = (event: string | symbol, ...values: unknown[]): boolean => {
    if (event === 'request') arrive(...(values as [IncomingMessage, ServerResponse]));
    else if (event === 'upgrade') upgrade(values[0] as IncomingMessage, () => void emit(event, ...values));
    else {
      if (event === 'clientError') chargeReading(values[1] as Socket, 'fault');
      return emit(event, ...values);
    }
    return true;
  };
}

/** Ends the connection after the requests that wait, and reads nothing more of it. */
function endAfter(line: Line, socket: Socket): void {
  stopRequests(socket);
  const last = line.waiting.at(-1)?.response;
  if (last) last.shouldKeepAlive = false;
}
