import { ServerResponse, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Server } from 'socket.io';
import { asDomainError, type DomainError } from '../../../platform/errors/domain-error.js';

type Engine = Server['engine'];
type EngineRequest = IncomingMessage & { _query?: { sid?: unknown; EIO?: unknown; transport?: unknown } };

/** HTTP methods of long polling; a WebSocket upgrade is a GET. */
const METHODS = ['GET', 'POST', 'OPTIONS'];
const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  405: 'Method Not Allowed',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
};

/** Checks before the engine handles a request. */
export interface Doorkeeper {
  /** Whether pages of this origin may connect. */
  isWelcome(origin: string): boolean;
  /** Returns the reason why no client, or no client of the request's address, is admitted now. */
  refusal(request: IncomingMessage): Promise<DomainError | undefined>;
}

/**
 * Checks every request before the engine does any work for it. A client that is not admitted now receives an HTTP status
 * in the handshake: its library then retries with growing delays, and a balancer tries the next process at once.
 */
export function guardDoor(engine: Engine, keeper: Doorkeeper): void {
  engine.use((request: EngineRequest, response: ServerResponse, next: () => void) => {
    const { method = '', headers } = request;
    if (!METHODS.includes(method)) return refuse(response, 405, 'invalid_request', { Allow: METHODS.join(', ') });
    if (headers.origin !== undefined && !keeper.isWelcome(headers.origin)) return refuse(response, 403, 'forbidden');
    const fault = faultOf(request, !(response instanceof ServerResponse));
    if (fault !== undefined) return refuse(response, 400, 'invalid_request', {}, fault);
    if (request._query?.sid !== undefined) return next();
    void judge(keeper, request, response, next);
  });
}

/** Returns the fault of the request itself. The engine would detect it in an upgrade only after accepting the upgrade. */
function faultOf({ _query: query = {} }: EngineRequest, isUpgrade: boolean): string | undefined {
  if (query.EIO !== '4') return 'must speak version 4 of the Engine.IO protocol (EIO=4): Socket.IO clients 3 or newer';
  if (isUpgrade && query.transport !== 'websocket') return 'must name transport=websocket in an upgrade';
  return undefined;
}

async function judge(
  keeper: Doorkeeper,
  request: IncomingMessage,
  response: ServerResponse,
  next: () => void,
): Promise<void> {
  const error = await keeper.refusal(request).catch(asDomainError);
  if (error) refuseFor(response, error);
  else next();
}

function refuseFor(response: ServerResponse, { status, code, retryAfterMs = 1_000 }: DomainError): void {
  refuse(response, status, code, { 'Retry-After': String(Math.ceil(retryAfterMs / 1_000)) });
}

/** Refuses a request. An upgrade has no response object in Node: its answer is written to the stream. */
function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  headers: Record<string, string> = {},
  message = REASONS[status],
): void {
  const body = JSON.stringify({ code, message });
  const all = { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)), ...headers };
  if (response instanceof ServerResponse) {
    response.writeHead(status, all);
    response.end(body);
    return;
  }
  const { socket } = response as { socket: Duplex };
  const lines = Object.entries({ ...all, Connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.on('error', () => undefined);
  socket.end(`HTTP/1.1 ${status} ${REASONS[status]}\r\n${lines.join('')}\r\n${body}`, () => socket.destroy());
}
