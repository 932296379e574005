import type { Socket } from 'socket.io';
import { DomainError } from '../../../platform/errors/domain-error.js';
import type { CloseReason } from '../../core/link.js';
import type { Session } from '../../core/session.js';
import { Budget } from '../websocket/budget.js';

type Connection = Socket['conn'];

/** Maximum packets, and bytes, of a connection before its first session. */
const MAX_EARLY_PACKETS = 64;
const MAX_EARLY_BYTES = 128 * 1024;
/** Maximum CONNECT packets of one connection per minute; a page that joins and leaves namespaces needs few. */
const MAX_CONNECTS_PER_MINUTE = 20;
const MINUTE_MS = 60_000;
/** Time for which a connection may stay without a namespace after it has left the last, ms. */
const UNUSED_TIMEOUT_MS = 10_000;

/** Packet of the engine before it is read; a changed type keeps it from being read. */
interface Packet {
  type: string;
  data?: unknown;
}

/** Packet `0` with the namespace, if it is not the default one. */
const CONNECT = /^0(\/[^,]*)?/;
/** Event or answer whose id has more digits than a number can hold. */
const TOO_LONG_ID = /^[2356](?:\d{1,9}-)?(\/[^,]*,)?\d{16,}/;

/** Two names of the same service. */
export const NAMESPACES: readonly string[] = ['/v1/realtime', '/v2/realtime'];

const wires = new WeakMap<Connection, Wire>();

/** Engine connection: limits its client before admission, and holds the sessions that share it. */
export class Wire {
  private readonly sessions = new Map<string, Session>();
  /** Namespaces of the service that were requested and not refused; any others are refused by the library. */
  private readonly asked = new Set<string>();
  private readonly connects = new Budget(MAX_CONNECTS_PER_MINUTE, MINUTE_MS);
  private earlyPackets = 0;
  private earlyBytes = 0;
  private ending = false;

  constructor(private readonly connection: Connection) {
    wires.set(connection, this);
    connection.on('packet', this.inspect);
  }

  static of(connection: Connection): Wire {
    return wires.get(connection) ?? new Wire(connection);
  }

  enter(namespace: string, session: Session): void {
    this.sessions.set(namespace, session);
  }

  /** Allows a further request of the namespace. */
  leave(namespace: string): void {
    this.asked.delete(namespace);
    if (!this.sessions.delete(namespace) || this.sessions.size > 0) return;
    setTimeout(() => this.sessions.size === 0 && this.connection.close(), UNUSED_TIMEOUT_MS).unref();
  }

  refused(namespace: string): void {
    this.asked.delete(namespace);
  }

  /** Sends every session the reason for which the connection ends. True for the first caller, which ends the connection. */
  announceEnd(reason: CloseReason, message?: string): boolean {
    if (this.ending) return false;
    this.ending = true;
    for (const session of this.sessions.values()) session.close(reason, message);
    return true;
  }

  /** Ends the connection so that the client's library reconnects by itself. */
  end(reason: CloseReason, message?: string): void {
    if (this.announceEnd(reason, message)) this.connection.close();
  }

  /** Inspects packets first: a dropped packet costs nothing further. */
  private readonly inspect = (packet: Packet): void => {
    if (this.sessions.size === 0 && this.isTooEarly(packet)) return this.cut(packet);
    if (packet.type !== 'message' || typeof packet.data !== 'string') return;
    if (packet.data.startsWith('0')) this.inspectConnect(packet, CONNECT.exec(packet.data)?.[1] ?? '/');
    else if (TOO_LONG_ID.test(packet.data)) this.refuseId(packet, TOO_LONG_ID.exec(packet.data)?.[1] ?? '/,');
  };

  private isTooEarly({ data }: Packet): boolean {
    this.earlyBytes += typeof data === 'string' || Buffer.isBuffer(data) ? data.length : 0;
    return ++this.earlyPackets > MAX_EARLY_PACKETS || this.earlyBytes > MAX_EARLY_BYTES || Buffer.isBuffer(data);
  }

  /** Drops a CONNECT to a namespace that was already requested: a second session would never be served. */
  private inspectConnect(packet: Packet, namespace: string): void {
    if (this.connects.isExceededBy(performance.now())) return this.cut(packet);
    if (!NAMESPACES.includes(namespace)) return;
    if (this.asked.has(namespace)) packet.type = 'noop';
    this.asked.add(namespace);
  }

  /** Refuses an id that could not be returned exactly. */
  private refuseId(packet: Packet, namespace: string): void {
    packet.type = 'noop';
    const error = new DomainError('invalid_request', 'must be an id of at most 15 digits', { field: 'id' });
    this.sessions.get(namespace.slice(0, -1))?.link.sendMessage('error', { ...error.toSocket() });
  }

  private cut(packet: Packet): void {
    packet.type = 'noop';
    this.connection.close(true);
  }
}
