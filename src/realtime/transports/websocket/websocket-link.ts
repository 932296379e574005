import { WebSocket } from 'ws';
import type { DomainError } from '../../../platform/errors/domain-error.js';
import type { MessageId } from '../../core/request/parse-websocket.js';
import type { EncodedEvent } from '../../core/wire/encoded-event.js';
import { websocketMessage, websocketText } from '../../core/wire/websocket.js';
import type { ClientLink, CloseReason } from '../../core/wire/link.js';
import type { MessageFormat, SharedMessage } from '../../core/wire/shared-message.js';
import type { FrameRun } from '../sending/frame-run.js';
import type { PlainOutlet } from '../sending/socket-internals.js';
import { BatchedWriter, type WriteBatches } from '../sending/write-batches.js';
import { closeCodeOf, closingOf } from '../sending/closings.js';
import { ownTextFrame, textFrame } from '../sending/text-frame.js';

const MESSAGE: MessageFormat = { build: ({ name, body }) => textFrame(websocketMessage(name, { ...body })) };

/**
 * `ClientLink` over one plain WebSocket. Frames are built once for all sockets; the `ws` sender would build a header for
 * each socket.
 */
export class WebSocketLink extends BatchedWriter implements ClientLink {
  readonly transport = 'websocket';

  constructor(
    private readonly socket: WebSocket,
    private readonly outlet: PlainOutlet,
    batches: WriteBatches,
  ) {
    super(batches);
  }

  sendEvent(event: EncodedEvent, channels: readonly string[], merged?: number): void {
    if (!this.isOpen) return;
    if (merged === undefined) this.collect(sharedFrame(event, channels));
    else this.collectAlone(ownTextFrame(websocketText(event, channels, merged)));
  }

  sendMessage(name: string, body: Readonly<Record<string, unknown>>): void {
    this.say(websocketMessage(name, body));
  }

  sendShared(message: SharedMessage): void {
    if (this.isOpen) this.collect(message.frame(MESSAGE));
  }

  /** Answers a message of the client; `id` is the id of that message. */
  answer(name: string, id: MessageId | undefined, body: Readonly<Record<string, unknown>>): void {
    this.say(JSON.stringify({ type: name, ...(id === undefined ? {} : { id }), ...body }));
  }

  bufferedBytes(): number {
    return this.outlet.bufferedBytes() + this.collectedBytes;
  }

  protected write(run: FrameRun): void {
    if (this.isOpen) this.outlet.write(run);
  }

  /** Sends a text at once, after all output collected before. */
  private say(text: string): void {
    if (this.isOpen) this.writeNow(ownTextFrame(text));
  }

  close(reason: CloseReason, cursor: string, message?: string): void {
    if (!this.isOpen) return;
    this.sayGoodbye(reason, cursor, message);
    const closing = closingOf(reason);
    this.socket.close(closing.closeCode, closing.reason);
  }

  /** Ends a connection that never had a session; `id` is the id of the client's message that requested one. */
  fail(error: DomainError, id?: MessageId): void {
    if (!this.isOpen) return;
    this.answer('error', id, { error: error.toSocket() });
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

/** Returns the frame that all connections with the same channel names share. No name contains a line feed. */
function sharedFrame(event: EncodedEvent, channels: readonly string[]): Buffer {
  const [only = ''] = channels;
  return event.variant(channels.length === 1 ? only : channels.join('\n'), frameFor);
}

function frameFor(event: EncodedEvent, names: string): Buffer {
  return textFrame(websocketText(event, names.split('\n')));
}
