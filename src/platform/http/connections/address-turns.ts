import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { LRUCache } from 'lru-cache';
import { plainAddress } from '../../request/client-address.js';
import { addressGroup } from './address-group.js';
import { Handshakes } from './handshakes.js';
import { isOfKnownSession } from './known-sessions.js';
import { READING_COST_MS, ReadingTurns } from './reading-turns.js';
import { validKeyOf } from './shown-keys.js';
import { afterEachRead, pauseReading } from './socket-reading.js';

/** Time for which an address goes before others after a valid key came from it, ms. */
const ADDRESS_WITH_KEY_TTL_MS = 600_000;
const MAX_ADDRESSES_WITH_KEYS = 10_000;

/** Addresses from which a valid key came lately. */
const withKeys = new LRUCache<string, true>({ max: MAX_ADDRESSES_WITH_KEYS, ttl: ADDRESS_WITH_KEY_TTL_MS });
const turns = new ReadingTurns((address) => withKeys.has(address));
/** TLS handshakes of connections without a key. */
export const handshakes = new Handshakes(turns);

/** Connections that take turns unless they have shown a key, and those of them whose request was charged. */
const entered = new WeakSet<Socket>();
const charged = new WeakSet<Socket>();
/** Addresses of the requests behind a proxy that were charged. */
const forwarded = new WeakMap<IncomingMessage, string>();

/** Reads a new connection in turns of its address. */
export function takeTurns(socket: Socket): void {
  entered.add(socket);
  afterEachRead(socket, () => chargeReading(socket, 'read'));
  turns.enter(socket, addressOf(socket));
}

/** Reads a connection in turns again, for example after its key has become invalid. */
export function takeTurnsAgain(socket: Socket): void {
  if (entered.has(socket) && !socket.destroyed) turns.enter(socket, addressOf(socket));
}

/** Reads the connection of a caller with a key without turns from now on, and gives back the cost of its request. */
export function freeOfTurns(socket: Socket): void {
  if (charged.delete(socket)) turns.charge(addressOf(socket), -READING_COST_MS.request);
  turns.leave(socket);
}

/** Ends the turns of a connection that has ended. */
export function endTurns(socket: Socket): void {
  turns.leave(socket);
}

/** Charges an upgrade as it arrives. What follows it is not read before it is handed over. */
export function upgradeArrives({ socket }: IncomingMessage): void {
  chargeReading(socket, 'request');
  turns.leave(socket);
  pauseReading(socket);
}

/**
 * Begins a request: without a key that was valid lately, and on a connection that has not shown one, in its turn. A connection
 * of a proxy carries the requests of many clients: `client` is the address that it forwards.
 */
export function beginInTurn(request: IncomingMessage, client: string | undefined, begin: () => void): void {
  if (validKeyOf(request) !== undefined) return begin();
  if (client !== undefined) return beginForwarded(request, client, begin);
  turns.run(request.socket, () => {
    chargeReading(request.socket, 'request');
    begin();
  });
}

function beginForwarded(request: IncomingMessage, client: string, begin: () => void): void {
  if (isOfKnownSession(request)) return begin();
  turns.runFor(client, request.socket, () => {
    turns.charge(client, READING_COST_MS.request);
    forwarded.set(request, client);
    begin();
  });
}

/**
 * Lets the address of a request go before others for a time, and gives back the cost of the request, after a valid key was shown
 * with it. Returns the function that does the former once more.
 */
export function preferAddress(request: IncomingMessage): () => void {
  const client = forwarded.get(request);
  if (client !== undefined && forwarded.delete(request)) turns.charge(client, -READING_COST_MS.request);
  return prefer(client ?? addressOf(request.socket));
}

/** Lets an address, as its connection or its proxy names it, go before others for a time. Returns the function that does so again. */
export function preferPlainAddress(address: string): () => void {
  return prefer(addressGroup(plainAddress(address)));
}

function prefer(address: string): () => void {
  const again = (): void => void withKeys.set(address, true);
  again();
  return again;
}

/** Charges a request of a connection that has not shown a key, or chunks of its body, ms of the loop. */
export function chargeReading(
  socket: Socket,
  ...[what, ms]: [what: keyof typeof READING_COST_MS] | [what: 'chunks', measuredMs: number]
): void {
  if (!turns.has(socket)) return;
  if (what === 'request') charged.add(socket);
  turns.charge(addressOf(socket), what === 'chunks' ? ms : READING_COST_MS[what]);
}

/** Whether a connection, or its request, waits for its turn. */
export function waitsForTurn(socket: Socket): boolean {
  return turns.isWaiting(socket);
}

/** Whether a crowd of addresses without a key waits to be read. */
export function isCrowded(): boolean {
  return turns.isCrowded;
}

/** Returns the address under which limits count. */
export function addressOf({ remoteAddress }: Socket): string {
  return addressGroup(plainAddress(remoteAddress ?? 'unknown'));
}
