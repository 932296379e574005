import type { ServerResponse } from 'node:http';
import type { FrameFormat, EncodedEvent } from '../../core/encoded-event.js';
import { sseBlock, sseMessage } from '../../core/dialects/sse.js';
import type { ClientLink, CloseReason } from '../../core/link.js';
import type { DomainError } from '../../../platform/errors/domain-error.js';
import type { MessageFormat, SharedMessage } from '../../core/shared-message.js';
import type { FrameRun } from '../frame-run.js';
import { BatchedWriter, type WriteBatches } from '../write-batches.js';
import { closingOf } from '../closings.js';
import { beginStream } from './stream-head.js';

/** Time for a closed stream to be read to its end, ms. */
const GOODBYE_MS = 10_000;
const MESSAGE: MessageFormat = { build: ({ name, body }) => Buffer.from(sseMessage(name, { ...body })) };
const BLOCK: FrameFormat = { build: (event) => Buffer.from(sseBlock(event)) };

/**
 * Event stream as the core sees it. Blocks of log events are made once for all streams; all of one flush leave as one chunk of
 * the HTTP answer.
 */
export class SseLink extends BatchedWriter implements ClientLink {
  readonly transport = 'sse';
  private ready = false;
  /** Messages from before the stream began. */
  private held: (string | Buffer)[] | undefined = [];

  constructor(
    private readonly response: ServerResponse,
    batches: WriteBatches,
  ) {
    super(batches);
  }

  /** Begins the stream with the messages so far. Nothing is sent earlier, so that the request can still be refused. */
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
   * Sends a message. Before `ready` the replay is still running: with a heartbeat's cursor a client that is disconnected then
   * would skip the rest, so the heartbeat is sent as a comment that only keeps the connection alive.
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
    // A client that does not read never receives the end.
    const cut = setTimeout(() => this.response.destroy(), GOODBYE_MS).unref();
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
