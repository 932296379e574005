import type { Socket } from 'socket.io';
import { socketIoEvent } from '../../core/dialects/socketio.js';
import type { EncodedEvent } from '../../core/encoded-event.js';
import type { ClientLink, CloseReason } from '../../core/link.js';
import { closingOf } from '../closings.js';
import type { BatchedWriter, WriteBatches } from '../write-batches.js';
import { EngineOutlet, sharedPacket, type SharedPacket } from './engine-outlet.js';

/** How long a closing connection may take to read its last messages, ms. */
const GOODBYE_MS = 2_000;
/** After these the client should come back: its library does so by itself when the transport ends, not after a goodbye. */
const COMES_BACK: ReadonlySet<CloseReason> = new Set(['slow_consumer', 'server_draining']);

/** One Socket.IO socket as the core sees it. */
export class SocketIoLink implements ClientLink, BatchedWriter {
  readonly transport = 'socketio';
  private readonly outlet: EngineOutlet;
  private collected: SharedPacket[] = [];

  constructor(
    private readonly socket: Socket,
    private readonly batches: WriteBatches,
  ) {
    this.outlet = new EngineOutlet(socket.conn);
  }

  sendEvent(event: EncodedEvent, _channels: readonly string[], merged?: number): void {
    if (!this.socket.connected) return;
    const namespace = this.socket.nsp.name;
    const packet =
      merged === undefined
        ? event.frame(`socketio ${namespace}`, () => sharedPacket(socketIoEvent(event, namespace)))
        : sharedPacket(socketIoEvent(event, namespace, merged));
    if (this.collected.push(packet) === 1) this.batches.add(this);
  }

  sendMessage(name: string, body: Readonly<Record<string, unknown>>): void {
    if (!this.socket.connected) return;
    this.flushWrites();
    this.socket.emit(name, body);
  }

  /** Answers a client event after everything that was sent before. */
  acknowledge(callback: (answer: unknown) => void, answer: Readonly<Record<string, unknown>>): void {
    if (!this.socket.connected) return;
    this.flushWrites();
    callback(answer);
  }

  bufferedBytes(): number {
    let bytes = this.outlet.bufferedBytes();
    for (const { frame } of this.collected) bytes += frame.length;
    return bytes;
  }

  flushWrites(): void {
    if (this.collected.length === 0) return;
    const packets = this.collected;
    this.collected = [];
    if (this.socket.connected) this.outlet.write(packets);
  }

  close(reason: CloseReason, cursor: string, message?: string): void {
    if (!this.socket.connected) return;
    if (reason === 'slow_consumer') this.sendMessage('slow_consumer', { cursor });
    else if (reason === 'server_draining') this.sendMessage('server_draining', { reconnectAfterMs: 0, cursor });
    else {
      const { code, text, retryable } = closingOf(reason);
      this.sendMessage('error', { code, message: message ?? text, retryable, cursor });
    }
    if (COMES_BACK.has(reason)) this.outlet.close(GOODBYE_MS);
    else this.socket.disconnect(true);
  }
}
