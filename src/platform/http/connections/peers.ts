import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { LRUCache } from 'lru-cache';
import { DomainError } from '../../errors/domain-error.js';
import { MAX_SMALL_BODY_BYTES } from '../bodies/body-limit.js';
import { declaredLength } from '../bodies/read-body.js';
import { plainAddress } from '../client-address.js';
import { addressGroup } from './address-group.js';
import { admitConnection } from './entrance.js';
import { Handshakes } from './handshakes.js';
import { afterEachRead, pauseReading } from './socket-reading.js';
import { READING_COST_MS, ReadingTurns } from './reading-turns.js';
import { forgetKey, rememberKey, validKeyOf } from './shown-keys.js';

/** Time for which an address may exceed the limit, ms: many clients behind one address need it to show their keys. */
const JUDGED_AFTER_MS = 250;
/** Multiple of the limit that is allowed meanwhile. */
const CROWD = 4;
/** Bytes of bodies of one address that wait for their caller to be known. */
const MAX_UNREAD_BYTES = 4 * 1_024 * 1_024;

/** Time for which an address is read before others after a valid key came from it, ms. */
const ADDRESS_WITH_KEY_MS = 600_000;
const MAX_ADDRESSES_WITH_KEYS = 10_000;

interface Peer {
  /** Maximum number of unknown connections; 0: unlimited. */
  readonly limit: number;
  /** Unknown connections, the oldest first. */
  readonly unknown: Set<Visitor>;
  unread: number;
  judging: NodeJS.Timeout | undefined;
}

interface Visitor {
  readonly name: string;
  readonly peer: Peer;
  /** Connection on which its requests arrive: with TLS another object than the one that was accepted. */
  socket: Socket;
  /** Requests in progress. */
  work: number;
  unread: number;
}

/** Session id of Socket.IO's engine in an address; ids begin with the name of their process and a point. */
const SESSION_ID = /^\/socket\.io\/\?(?:[^#]*&)?sid=([^&#]{1,300})(?:[&#]|$)/;
const knownSessions = new Set<string>();

/** Connections that have not shown a key, by both ends: TLS gives the same connection another object. */
const visitors = new Map<string, Visitor>();
/** Addresses from which a valid key came lately. */
const withKeys = new LRUCache<string, true>({ max: MAX_ADDRESSES_WITH_KEYS, ttl: ADDRESS_WITH_KEY_MS });
const reading = new ReadingTurns((address) => withKeys.has(address));
const handshakes = new Handshakes(reading);
/** Connections bounded at all, and those of them whose request was charged. */
const bounded = new WeakSet<Socket>();
const charged = new WeakSet<Socket>();
/** Addresses of the requests behind a proxy that were charged. */
const forwarded = new WeakMap<IncomingMessage, string>();
/** Requests that were admitted with a key, and connections whose end remembers it. */
const admitted = new WeakSet<IncomingMessage>();
const remembering = new WeakSet<Socket>();

/**
 * Bounds the unauthenticated connections of one address (also those that never finish their headers) and their pending bodies.
 * Beyond that its oldest idle connections end.
 */
export function boundPeers(server: Server, limit: number): void {
  const peers = new Map<string, Peer>();
  if (server instanceof TlsServer) handshakes.takeOver(server, (socket, begin) => arrive(peers, limit, socket, begin));
  else server.on('connection', (socket: Socket) => arrive(peers, limit, socket));
  server.on('secureConnection', (socket: Socket) => secure(socket));
  // Upgraded connections are bounded by their transport.
  server.prependListener('upgrade', ({ socket }: IncomingMessage) => forget(visitors.get(nameOf(socket))));
}

/** Charges an upgrade as it arrives. What follows it is not read before it is handed over. */
export function upgradeArrives({ socket }: IncomingMessage): void {
  chargeReading(socket, 'request');
  reading.leave(socket);
  pauseReading(socket);
}

/**
 * Removes the connection of a request from the bounds after its caller has shown a valid key and is within its limits. When the
 * connection ends, its caller is remembered once more: a stream may have lasted for hours, and its client returns at once.
 */
export function becomesKnown(request: IncomingMessage): void {
  const { socket } = request;
  const address = forwarded.get(request) ?? addressOf(socket);
  if (forwarded.delete(request)) reading.charge(address, -READING_COST_MS.request);
  admitted.add(request);
  const rememberAgain = rememberKey(request);
  withKeys.set(address, true);
  release(socket);
  if (remembering.has(socket)) return;
  remembering.add(socket);
  socket.once('close', () => {
    rememberAgain();
    withKeys.set(address, true);
  });
}

/**
 * Ends a request. A connection whose request was not admitted with a key is read in turns again: it may have shown one before,
 * and refusing costs the loop the same.
 */
export function requestEnds(request: IncomingMessage): void {
  if (admitted.has(request)) return;
  forgetKey(request);
  const { socket } = request;
  if (bounded.has(socket) && !socket.destroyed) reading.enter(socket, addressOf(socket));
}

function release(socket: Socket): void {
  if (charged.delete(socket)) reading.charge(addressOf(socket), -READING_COST_MS.request);
  leave(socket);
}

/**
 * Gives back the place of a connection whose caller has shown a valid key and is beyond its limits, and reads it in turns, like
 * one without a key, until the caller is within them: refusing costs the loop the same.
 */
export function exceedsLimits(request: IncomingMessage): void {
  forgetKey(request);
  const { socket } = request;
  forget(visitors.get(nameOf(socket)));
  if (bounded.has(socket)) reading.enter(socket, addressOf(socket));
}

/**
 * Begins a request: without a key that was valid lately, and on a connection that has not shown one, in its turn. A connection
 * of a proxy carries the requests of many clients: `client` is the address that it forwards.
 */
export function beginInTurn(request: IncomingMessage, client: string | undefined, begin: () => void): void {
  if (validKeyOf(request) !== undefined) return begin();
  if (client !== undefined) {
    return reading.runFor(client, () => {
      reading.charge(client, READING_COST_MS.request);
      forwarded.set(request, client);
      begin();
    });
  }
  reading.run(request.socket, () => {
    chargeReading(request.socket, 'request');
    begin();
  });
}

/** Charges a request of a connection that has not shown a key, or chunks of its body, ms of the loop. */
export function chargeReading(
  socket: Socket,
  ...[what, ms]: [what: keyof typeof READING_COST_MS] | [what: 'chunks', measuredMs: number]
): void {
  if (!reading.has(socket)) return;
  if (what === 'request') charged.add(socket);
  reading.charge(addressOf(socket), what === 'chunks' ? ms : READING_COST_MS[what]);
}

/** Whether a crowd of addresses without a key waits to be read. */
export function isCrowded(): boolean {
  return reading.isCrowded;
}

/**
 * Removes every connection from the bounds that belongs to this session of Socket.IO, whose client has shown a valid key: a
 * polling client uses several. Returns the function to call at the session's end.
 */
export function sessionBecomesKnown(sessionId: string, address: string): () => void {
  const group = addressGroup(plainAddress(address));
  knownSessions.add(sessionId);
  withKeys.set(group, true);
  return () => {
    knownSessions.delete(sessionId);
    withKeys.set(group, true);
  };
}

/** Records a request of an unknown connection; throws rate_limited when its address has too many pending bodies. */
export function enterRequest(request: IncomingMessage, response: ServerResponse): void {
  const visitor = visitors.get(nameOf(request.socket));
  if (visitor === undefined) return;
  const sessionId = SESSION_ID.exec(request.url ?? '')?.[1];
  if (sessionId !== undefined && knownSessions.has(sessionId)) {
    admitted.add(request);
    release(request.socket);
    return;
  }
  const unread = Math.min(declaredLength(request), MAX_SMALL_BODY_BYTES);
  if (visitor.peer.unread + unread > MAX_UNREAD_BYTES) {
    throw new DomainError('rate_limited', 'Too many requests of this address wait for their bodies; try again.', {
      retryAfterMs: 1_000,
    });
  }
  visitor.work++;
  visitor.unread += unread;
  visitor.peer.unread += unread;
  response.once('close', () => {
    visitor.work--;
    if (visitor.unread === 0) return;
    visitor.unread -= unread;
    visitor.peer.unread -= unread;
  });
}

function arrive(peers: Map<string, Peer>, limit: number, socket: Socket, shakeHands?: () => void): void {
  const group = addressOf(socket);
  const peer = peers.get(group) ?? { limit, unknown: new Set<Visitor>(), unread: 0, judging: undefined };
  if (limit > 0 && peer.unknown.size >= CROWD * limit) {
    socket.destroy();
    return;
  }
  peers.set(group, peer);
  const visitor: Visitor = { name: nameOf(socket), peer, socket, work: 0, unread: 0 };
  visitors.set(visitor.name, visitor);
  peer.unknown.add(visitor);
  admitConnection(group, socket, () => {
    takeTurns(socket);
    if (shakeHands) handshakes.enter({ socket, address: group, begin: shakeHands });
  });
  socket.once('close', () => {
    reading.leave(visitor.socket);
    forget(visitor);
    if (peer.unknown.size === 0) peers.delete(group);
  });
  if (limit > 0 && peer.unknown.size > limit) peer.judging ??= setTimeout(() => judge(peer), JUDGED_AFTER_MS).unref();
}

function secure(socket: Socket): void {
  const visitor = visitors.get(nameOf(socket));
  if (visitor === undefined) return;
  handshakes.end(visitor.socket);
  visitor.socket = socket;
  takeTurns(socket);
}

function takeTurns(socket: Socket): void {
  bounded.add(socket);
  afterEachRead(socket, () => chargeReading(socket, 'read'));
  reading.enter(socket, addressOf(socket));
}

function leave(socket: Socket): void {
  forget(visitors.get(nameOf(socket)));
  reading.leave(socket);
}

function forget(visitor: Visitor | undefined): void {
  if (visitor === undefined) return;
  if (visitors.get(visitor.name) === visitor) visitors.delete(visitor.name);
  visitor.peer.unknown.delete(visitor);
  visitor.peer.unread -= visitor.unread;
  visitor.unread = 0;
}

/** Ends connections above the limit: idle ones first, the oldest of these first. */
function judge(peer: Peer): void {
  peer.judging = undefined;
  const all = [...peer.unknown];
  const order = [...all.filter(({ work }) => work === 0), ...all.filter(({ work }) => work > 0).reverse()];
  for (const { socket } of order.slice(0, Math.max(all.length - peer.limit, 0))) socket.destroy();
}

/** Returns the address under which limits count. */
export function addressOf({ remoteAddress }: Socket): string {
  return addressGroup(plainAddress(remoteAddress ?? 'unknown'));
}

function nameOf({ remoteAddress, remotePort, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localPort}`;
}
