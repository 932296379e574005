import type { ServerResponse } from 'node:http';
import type { FrameFormat, EncodedEvent } from '../../core/wire/encoded-event.js';
import { sseBlock, sseMessage } from '../../core/wire/sse.js';
import type { ClientLink, CloseReason } from '../../core/wire/link.js';
import type { DomainError } from '../../../platform/errors/domain-error.js';
import type { MessageFormat, SharedMessage } from '../../core/wire/shared-message.js';
import type { FrameRun } from '../sending/frame-run.js';
import { BatchedWriter, type WriteBatches } from '../sending/write-batches.js';
import { closingOf } from '../sending/closings.js';
import { beginStream } from './stream-head.js';

/** Time that a client has to read a closed stream to its end, ms. */
const CLOSE_TIMEOUT_MS = 10_000;
const MESSAGE: MessageFormat = { build: ({ name, body }) => Buffer.from(sseMessage(name, { ...body })) };
const BLOCK: FrameFormat = { build: (event) => Buffer.from(sseBlock(event)) };

/**
 * `ClientLink` over one event stream. Blocks of log events are encoded once for all streams; all blocks of one flush are
 * sent as one chunk of the HTTP response.
 */
export class SseLink extends BatchedWriter implements ClientLink {
  readonly transport = 'sse';
  private ready = false;
  /** Messages sent before the stream began. */
  private held: (string | Buffer)[] | undefined = [];

  constructor(
    private readonly response: ServerResponse,
    batches: WriteBatches,
  ) {
    super(batches);
  }

  /**
   * Begins the stream with the messages collected so far. Nothing is sent before, so that the request can still be
   * refused.
   */
  begin(): void {
    const { held = [] } = this;
    this.held = undefined;
    if (!this.isOpen) return;
    beginStream(this.response);
    for (const part of held) this.put(part);
  }

  sendEvent(event: EncodedEvent, _channels: readonly string[], merged?: number): void {
    if (!this.isOpen) return;
    if (merged === undefined) this.collect(event.frame(BLOCK));
    else this.collectAlone(Buffer.from(sseBlock(event, merged)));
  }

  /**
   * Sends a message. Until `ready`, the replay is still running, and a heartbeat's cursor would let a client that is
   * disconnected meanwhile skip the rest of the replay. So the heartbeat is then sent as a comment, which only keeps the
   * connection alive.
   */
  sendMessage(name: string, body: Readonly<Record<string, unknown>>): void {
    if (!this.isOpen) return;
    if (name === 'ready') this.ready = true;
    this.flush();
    this.put(name === 'heartbeat' && !this.ready ? ': replaying\n\n' : sseMessage(name, body));
  }

  sendShared(message: SharedMessage): void {
    if (this.isOpen) this.collect(message.frame(MESSAGE));
  }

  bufferedBytes(): number {
    return this.response.writableLength + this.collectedBytes;
  }

  protected write(run: FrameRun): void {
    if (this.isOpen) this.put(run.buffer);
  }

  close(reason: CloseReason, cursor: string, message?: string): void {
    const position = cursor === '' ? {} : { cursor };
    if (reason === 'slow_consumer') return this.end('slow_consumer', position);
    if (reason === 'server_draining') return this.end('server_draining', { reconnectAfterMs: 0, ...position });
    const { code, text, retryable } = closingOf(reason);
    this.end('error', { code, message: message ?? text, retryable, ...position });
  }

  /** Ends a stream that could not begin. */
  fail(error: DomainError): void {
    this.end('error', { ...error.toSocket() });
  }

  private end(name: string, body: Readonly<Record<string, unknown>>): void {
    if (!this.isOpen) return;
    if (this.held) this.begin();
    this.flush();
    this.put(sseMessage(name, body));
    this.response.end();
    // A client that does not read never receives the end of the stream.
    const cut = setTimeout(() => this.response.destroy(), CLOSE_TIMEOUT_MS).unref();
    this.response.once('close', () => clearTimeout(cut));
  }

  private put(part: string | Buffer): void {
    if (this.held) this.held.push(part);
    else this.response.write(part);
  }

  private get isOpen(): boolean {
    return !this.response.writableEnded && !this.response.destroyed;
  }
}
