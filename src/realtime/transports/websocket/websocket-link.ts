import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { DomainError } from '../../../platform/errors/domain-error.js';
import type { MessageId } from '../../core/parse-websocket.js';
import type { EncodedEvent } from '../../core/encoded-event.js';
import { websocketMessage, websocketText } from '../../core/dialects/websocket.js';
import type { ClientLink, CloseReason } from '../../core/link.js';
import type { BatchedWriter, WriteBatches } from '../write-batches.js';
import { closeCodeOf, closingOf } from '../closings.js';
import { textFrame } from './text-frame.js';

/**
 * One plain WebSocket as the core sees it. Frames are made once for all sockets and written to the network stream
 * directly: the `ws` sender would build a header per socket. It writes its own frames (pong, close) synchronously to the
 * same stream and compression is off, so frames never mix.
 */
export class WebSocketLink implements ClientLink, BatchedWriter {
  readonly transport = 'websocket';
  private collecting = false;

  constructor(
    private readonly socket: WebSocket,
    private readonly stream: Duplex,
    private readonly batches: WriteBatches,
  ) {}

  sendEvent(event: EncodedEvent, channels: readonly string[], merged?: number): void {
    if (!this.isOpen) return;
    if (!this.collecting) {
      this.collecting = true;
      this.stream.cork();
      this.batches.add(this);
    }
    this.stream.write(
      merged === undefined ? sharedFrame(event, channels) : textFrame(websocketText(event, channels, merged)),
    );
  }

  sendMessage(name: string, body: Readonly<Record<string, unknown>>): void {
    if (this.isOpen) this.stream.write(textFrame(websocketMessage(name, body)));
  }

  /** The answer to a message; `id` is the message's own. */
  answer(name: string, id: MessageId | undefined, body: Readonly<Record<string, unknown>>): void {
    if (this.isOpen)
      this.stream.write(textFrame(JSON.stringify({ type: name, ...(id === undefined ? {} : { id }), ...body })));
  }

  bufferedBytes(): number {
    return this.stream.writableLength;
  }

  flushWrites(): void {
    this.collecting = false;
    this.stream.uncork();
  }

  close(reason: CloseReason, cursor: string, message?: string): void {
    if (!this.isOpen) return;
    this.sayGoodbye(reason, cursor, message);
    this.socket.close(closingOf(reason).closeCode, reason);
  }

  /** Ends a connection that never became a session. */
  fail(error: DomainError): void {
    if (!this.isOpen) return;
    this.answer('error', undefined, { error: error.toSocket() });
    this.socket.close(closeCodeOf(error.code), error.code);
  }

  private sayGoodbye(reason: CloseReason, cursor: string, message: string | undefined): void {
    const position = cursor === '' ? {} : { cursor };
    if (reason === 'slow_consumer') return this.sendMessage('slow_consumer', position);
    if (reason === 'server_draining') return this.sendMessage('server_draining', { reconnectAfterMs: 0, ...position });
    const { code, text, retryable } = closingOf(reason);
    this.answer('error', undefined, { error: { code, message: message ?? text, retryable }, ...position });
  }

  get isOpen(): boolean {
    return this.socket.readyState === WebSocket.OPEN;
  }
}

function sharedFrame(event: EncodedEvent, channels: readonly string[]): Buffer {
  const names = channels.length === 1 ? channels[0] : channels.join('\n');
  return event.variant(`websocket ${names}`, () => textFrame(websocketText(event, channels)));
}
