import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { DomainError } from '../../errors/domain-error.js';
import { MAX_SMALL_BODY_BYTES } from '../bodies/body-limit.js';
import { declaredLength } from '../bodies/read-body.js';
import { plainAddress } from '../client-address.js';
import { addressGroup } from './address-group.js';
import { admitConnection } from './entrance.js';

/** More connections than the limit may be there for a moment: that long a crowd behind one address may take to show its keys, ms. */
const JUDGED_AFTER_MS = 250;
/** So many times the limit may be there in that moment. */
const CROWD = 4;
/** Bytes of bodies of one address that wait for their caller to be known. */
const MAX_UNREAD_BYTES = 4 * 1_024 * 1_024;

interface Peer {
  /** Unknown connections that it may have; 0: any number. */
  readonly limit: number;
  /** The oldest first. */
  readonly unknown: Set<Visitor>;
  unread: number;
  judging: NodeJS.Timeout | undefined;
}

interface Visitor {
  readonly peer: Peer;
  readonly socket: Socket;
  /** Requests in work. */
  work: number;
  unread: number;
}

/** Session ids of Socket.IO's engine begin with the name of their process and a point. */
const SESSION_ID = /^\/socket\.io\/\?(?:[^#]*&)?sid=([^&#]{1,300})(?:[&#]|$)/;
const knownSessions = new Set<string>();

/** Connections that have not shown a key, by both ends: TLS gives the same connection another object. */
const visitors = new Map<string, Visitor>();

/**
 * Bounds what one address can hold open without saying who it is: connections (also those that never finish their headers)
 * and bodies on their way. Beyond that its oldest idle connections end.
 */
export function boundPeers(server: Server, limit: number): void {
  const peers = new Map<string, Peer>();
  server.on('connection', (socket: Socket) => arrive(peers, limit, socket));
  // From then on the bounds of its transport hold.
  server.prependListener('upgrade', ({ socket }: IncomingMessage) => becomesKnown(socket));
}

/** Takes a connection out of the bounds: its caller has shown a good key. */
export function becomesKnown(socket: Socket): void {
  const name = nameOf(socket);
  const visitor = visitors.get(name);
  if (visitor === undefined) return;
  visitors.delete(name);
  forget(visitor);
}

/**
 * Takes every connection out of the bounds that speaks for this session of Socket.IO, whose client has shown a good key: a
 * client that polls uses several. Returns what to call at the session's end.
 */
export function sessionBecomesKnown(sessionId: string): () => void {
  knownSessions.add(sessionId);
  return () => knownSessions.delete(sessionId);
}

/** Notes a request of a connection that is not known; throws rate_limited when its address has too many bodies on their way. */
export function enterRequest(request: IncomingMessage, response: ServerResponse): void {
  const visitor = visitors.get(nameOf(request.socket));
  if (visitor === undefined) return;
  const sessionId = SESSION_ID.exec(request.url ?? '')?.[1];
  if (sessionId !== undefined && knownSessions.has(sessionId)) {
    becomesKnown(request.socket);
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

function arrive(peers: Map<string, Peer>, limit: number, socket: Socket): void {
  const group = addressOf(socket);
  const peer = peers.get(group) ?? { limit, unknown: new Set<Visitor>(), unread: 0, judging: undefined };
  if (limit > 0 && peer.unknown.size >= CROWD * limit) {
    socket.destroy();
    return;
  }
  peers.set(group, peer);
  const name = nameOf(socket);
  const visitor: Visitor = { peer, socket, work: 0, unread: 0 };
  visitors.set(name, visitor);
  peer.unknown.add(visitor);
  admitConnection(group, socket);
  socket.once('close', () => {
    if (visitors.get(name) === visitor) visitors.delete(name);
    forget(visitor);
    if (peer.unknown.size === 0) peers.delete(group);
  });
  if (limit > 0 && peer.unknown.size > limit) peer.judging ??= setTimeout(() => judge(peer), JUDGED_AFTER_MS).unref();
}

function forget(visitor: Visitor): void {
  visitor.peer.unknown.delete(visitor);
  visitor.peer.unread -= visitor.unread;
  visitor.unread = 0;
}

/** Ends what is too much: idle connections first, of these the oldest. */
function judge(peer: Peer): void {
  peer.judging = undefined;
  const all = [...peer.unknown];
  const order = [...all.filter(({ work }) => work === 0), ...all.filter(({ work }) => work > 0).reverse()];
  for (const { socket } of order.slice(0, Math.max(all.length - peer.limit, 0))) socket.destroy();
}

/** As limits count it. */
export function addressOf({ remoteAddress }: Socket): string {
  return addressGroup(plainAddress(remoteAddress ?? 'unknown'));
}

function nameOf({ remoteAddress, remotePort, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localPort}`;
}
