import type { Socket } from 'socket.io';
import { socketIoEvent, socketIoMessage } from '../../core/wire/socketio.js';
import type { EncodedEvent, FrameFormat } from '../../core/wire/encoded-event.js';
import type { ClientLink, CloseReason } from '../../core/wire/link.js';
import type { MessageFormat, SharedMessage } from '../../core/wire/shared-message.js';
import { closingOf } from '../sending/closings.js';
import type { FrameRun } from '../sending/frame-run.js';
import { EngineOutlet, type FrameProof } from '../sending/socket-internals.js';
import { ownTextFrame, textFrame } from '../sending/text-frame.js';
import { BatchedWriter, type WriteBatches } from '../sending/write-batches.js';
import { Wire } from './wire.js';

/** Time for a closing connection to read its last messages, ms. */
const CLOSE_TIMEOUT_MS = 2_000;
/**
 * Close reasons after which the client should reconnect: socket.io-client reconnects by itself when the transport ends,
 * but not after a disconnect packet.
 */
const COMES_BACK: ReadonlySet<CloseReason> = new Set([
  'slow_consumer',
  'server_draining',
  'limit_exceeded',
  'replaced',
  'expired',
  'unavailable',
]);

/** Engine.IO type of a message; it precedes every Socket.IO packet. */
const MESSAGE = '4';

interface Formats {
  readonly event: FrameFormat;
  readonly message: MessageFormat;
}

/** Formats by namespace. */
const formats = new Map<string, Formats>();

function formatsOf(namespace: string): Formats {
  const known = formats.get(namespace);
  if (known) return known;
  const made: Formats = {
    event: { build: (event) => textFrame(MESSAGE + socketIoEvent(event, namespace)) },
    message: { build: ({ name, body }) => textFrame(MESSAGE + socketIoMessage(name, body, namespace)) },
  };
  formats.set(namespace, made);
  return made;
}

/** `ClientLink` over one Socket.IO socket. */
export class SocketIoLink extends BatchedWriter implements ClientLink {
  readonly transport = 'socketio';
  private readonly outlet: EngineOutlet;
  private readonly formats: Formats;

  constructor(
    private readonly socket: Socket,
    batches: WriteBatches,
    proof: FrameProof,
  ) {
    super(batches);
    this.outlet = new EngineOutlet(socket.conn, proof);
    this.formats = formatsOf(socket.nsp.name);
  }

  sendEvent(event: EncodedEvent, _channels: readonly string[], merged?: number): void {
    if (!this.socket.connected) return;
    if (merged === undefined) this.collect(event.frame(this.formats.event));
    else this.collectAlone(ownTextFrame(MESSAGE + socketIoEvent(event, this.socket.nsp.name, merged)));
  }

  sendMessage(name: string, body: Readonly<Record<string, unknown>>, position?: string): void {
    if (!this.socket.connected) return;
    this.flush();
    if (position === undefined) this.socket.emit(name, body);
    else this.socket.emit(name, body, position);
  }

  sendShared(message: SharedMessage): void {
    if (this.socket.connected) this.collect(message.frame(this.formats.message));
  }

  /** Sends the answer to a client's event, after all output that was collected before. */
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
    const comesBack = COMES_BACK.has(reason);
    if (reason === 'slow_consumer') this.sendMessage('slow_consumer', { cursor });
    else if (reason === 'server_draining') this.sendMessage('server_draining', { reconnectAfterMs: 0, cursor });
    else {
      const { code, text } = closingOf(reason);
      this.sendMessage('error', { code, message: message ?? text, retryable: comesBack, cursor });
    }
    if (!comesBack) this.socket.disconnect();
    else if (Wire.of(this.socket.conn).announceEnd(reason, message)) this.outlet.close(CLOSE_TIMEOUT_MS);
  }
}
