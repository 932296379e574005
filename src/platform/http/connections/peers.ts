import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { DomainError } from '../../errors/domain-error.js';
import { MAX_SMALL_BODY_BYTES } from '../bodies/body-limit.js';
import { declaredLength } from '../bodies/read-body.js';
import { addressOf, endTurns, handshakes, takeTurns, waitsForTurn } from './address-turns.js';
import { admitConnection } from './entrance.js';

/** Time for which a connection may exceed the limit of its address, ms: many clients behind one need it to show their keys. */
const JUDGEMENT_DELAY_MS = 250;
/** The same for one whose request is in progress, or waits for its turn, ms. */
const MAX_BUSY_MS = 5_000;
/** Multiple of the limit that is allowed meanwhile. */
const CROWD_FACTOR = 4;
/** Bytes of bodies of one address that wait for their caller to be known. */
const MAX_UNREAD_BYTES = 4 * 1_024 * 1_024;

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
  readonly arrivedAt: number;
  /** Requests in progress. */
  work: number;
  unread: number;
}

/** Connections that have not shown a key, by both ends: TLS gives the same connection another object. */
const visitors = new Map<string, Visitor>();

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
  server.prependListener('upgrade', ({ socket }: IncomingMessage) => forgetPeer(socket));
}

/** Records a request of an unknown connection; throws rate_limited when its address has too many pending bodies. */
export function enterRequest(request: IncomingMessage, response: ServerResponse): void {
  const visitor = visitors.get(nameOf(request.socket));
  if (visitor === undefined) return;
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
  if (limit > 0 && peer.unknown.size >= CROWD_FACTOR * limit) {
    socket.destroy();
    return;
  }
  peers.set(group, peer);
  const visitor: Visitor = { name: nameOf(socket), peer, socket, arrivedAt: performance.now(), work: 0, unread: 0 };
  visitors.set(visitor.name, visitor);
  peer.unknown.add(visitor);
  admitConnection(group, socket, () => {
    takeTurns(socket);
    if (shakeHands) handshakes.enter({ socket, address: group, begin: shakeHands });
  });
  socket.once('close', () => {
    endTurns(visitor.socket);
    forget(visitor);
    if (peer.unknown.size === 0) peers.delete(group);
  });
  judgeLater(peer);
}

function judgeLater(peer: Peer): void {
  if (peer.limit === 0 || peer.unknown.size <= peer.limit) return;
  peer.judging ??= setTimeout(() => judge(peer), JUDGEMENT_DELAY_MS).unref();
}

function secure(socket: Socket): void {
  const visitor = visitors.get(nameOf(socket));
  if (visitor === undefined) return;
  handshakes.end(visitor.socket);
  visitor.socket = socket;
  takeTurns(socket);
}

/** Removes a connection from the bounds. */
export function forgetPeer(socket: Socket): void {
  forget(visitors.get(nameOf(socket)));
}

function forget(visitor: Visitor | undefined): void {
  if (visitor === undefined) return;
  if (visitors.get(visitor.name) === visitor) visitors.delete(visitor.name);
  visitor.peer.unknown.delete(visitor);
  visitor.peer.unread -= visitor.unread;
  visitor.unread = 0;
}

/**
 * Ends connections above the limit: idle ones first, the oldest of these first. A connection that waits for its turn, or whose
 * key is being checked, is judged later.
 */
function judge(peer: Peer): void {
  peer.judging = undefined;
  const all = [...peer.unknown];
  const now = performance.now();
  const judged = all.filter(({ socket, arrivedAt, work }) => {
    const isBusy = work > 0 || waitsForTurn(socket);
    return now - arrivedAt >= (isBusy ? MAX_BUSY_MS : JUDGEMENT_DELAY_MS);
  });
  const order = [...judged.filter(({ work }) => work === 0), ...judged.filter(({ work }) => work > 0).reverse()];
  for (const { socket } of order.slice(0, Math.max(all.length - peer.limit, 0))) socket.destroy();
  judgeLater(peer);
}

function nameOf({ remoteAddress, remotePort, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localPort}`;
}
