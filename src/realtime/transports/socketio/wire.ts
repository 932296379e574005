import type { Socket } from 'socket.io';
import { DomainError } from '../../../platform/errors/domain-error.js';
import type { CloseReason } from '../../core/wire/link.js';
import type { Session } from '../../core/session/session.js';
import { Budget } from '../admission/budget.js';

type Connection = Socket['conn'];

/** Maximum number of packets, and of bytes, that a connection may send before its first session. */
const MAX_EARLY_PACKETS = 64;
const MAX_EARLY_BYTES = 128 * 1024;
/** Maximum CONNECT packets of one connection per minute; a page that joins and leaves namespaces needs few. */
const MAX_CONNECTS_PER_MINUTE = 20;
const MINUTE_MS = 60_000;
/** Time for which a connection may stay open without a namespace after it has left its last one, ms. */
const UNUSED_TIMEOUT_MS = 10_000;

/** Packet of the engine before Socket.IO parses it; a changed `type` keeps Socket.IO from parsing it. */
interface Packet {
  type: string;
  data?: unknown;
}

/** CONNECT packet: type `0`, followed by the namespace if it is not the default one. */
const CONNECT = /^0(\/[^,]*)?/;
/** Event or answer whose id has more digits than a number can hold. */
const TOO_LONG_ID = /^[2356](?:\d{1,9}-)?(\/[^,]*,)?\d{16,}/;

/** Two names of the same service. */
export const NAMESPACES: readonly string[] = ['/v1/realtime', '/v2/realtime'];

const wires = new WeakMap<Connection, Wire>();

/** Limits of one engine connection before admission, and the sessions that share the connection. */
export class Wire {
  private readonly sessions = new Map<string, Session>();
  /**
   * Namespaces of the service that the client requested and that were not refused; Socket.IO itself refuses all others.
   */
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

  /** Allows the client to request the namespace again. */
  leave(namespace: string): void {
    this.asked.delete(namespace);
    if (!this.sessions.delete(namespace) || this.sessions.size > 0) return;
    setTimeout(() => this.sessions.size === 0 && this.connection.close(), UNUSED_TIMEOUT_MS).unref();
  }

  refused(namespace: string): void {
    this.asked.delete(namespace);
  }

  /**
   * Sends the reason to every session before the connection ends. Returns true for the first caller, which must end the
   * connection.
   */
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

  /** Inspects packets before Socket.IO does, so that a dropped packet causes no further work. */
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

  /** Drops a CONNECT to a namespace that the client already requested: Socket.IO would never serve the second session. */
  private inspectConnect(packet: Packet, namespace: string): void {
    if (this.connects.isExceededBy(performance.now())) return this.cut(packet);
    if (!NAMESPACES.includes(namespace)) return;
    if (this.asked.has(namespace)) packet.type = 'noop';
    this.asked.add(namespace);
  }

  /** Refuses a message id that cannot be returned exactly. */
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
