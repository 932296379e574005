import type { Socket } from 'socket.io';
import { socketIoEvent } from '../../core/dialects/socketio.js';
import type { EncodedEvent, FrameFormat } from '../../core/encoded-event.js';
import type { ClientLink, CloseReason } from '../../core/link.js';
import { closingOf } from '../closings.js';
import type { FrameRun } from '../frame-run.js';
import { EngineOutlet, type FrameProof } from '../socket-internals.js';
import { textFrame } from '../websocket/text-frame.js';
import { BatchedWriter, type WriteBatches } from '../write-batches.js';

/** How long a closing connection may take to read its last messages, ms. */
const GOODBYE_MS = 2_000;
/** After these the client should come back: its library does so by itself when the transport ends, not after a goodbye. */
const COMES_BACK: ReadonlySet<CloseReason> = new Set(['slow_consumer', 'server_draining']);

/** The engine's type of a message, in front of every Socket.IO packet. */
const MESSAGE = '4';

/** One per namespace. */
const formats = new Map<string, FrameFormat>();

function formatOf(namespace: string): FrameFormat {
  let format = formats.get(namespace);
  if (!format) {
    format = { build: (event) => textFrame(MESSAGE + socketIoEvent(event, namespace)) };
    formats.set(namespace, format);
  }
  return format;
}

/** One Socket.IO socket as the core sees it. */
export class SocketIoLink extends BatchedWriter implements ClientLink {
  readonly transport = 'socketio';
  private readonly outlet: EngineOutlet;
  private readonly format: FrameFormat;

  constructor(
    private readonly socket: Socket,
    batches: WriteBatches,
    proof: FrameProof,
  ) {
    super(batches);
    this.outlet = new EngineOutlet(socket.conn, proof);
    this.format = formatOf(socket.nsp.name);
  }

  sendEvent(event: EncodedEvent, _channels: readonly string[], merged?: number): void {
    if (!this.socket.connected) return;
    if (merged === undefined) this.collect(event.frame(this.format));
    else this.collectAlone(textFrame(MESSAGE + socketIoEvent(event, this.socket.nsp.name, merged)));
  }

  sendMessage(name: string, body: Readonly<Record<string, unknown>>): void {
    if (!this.socket.connected) return;
    this.flush();
    this.socket.emit(name, body);
  }

  /** Answers a client event after everything that was sent before. */
  acknowledge(callback: (answer: unknown) => void, answer: Readonly<Record<string, unknown>>): void {
    if (!this.socket.connected) return;
    this.flush();
    callback(answer);
  }

  bufferedBytes(): number {
    return this.outlet.bufferedBytes() + this.collectedBytes;
  }

  protected write(run: FrameRun): void {
    if (this.socket.connected) this.outlet.write(run);
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
