import type { ServerResponse } from 'node:http';
import type { EncodedEvent } from '../../core/encoded-event.js';
import { sseBlock, sseMessage } from '../../core/dialects/sse.js';
import type { ClientLink, CloseReason } from '../../core/link.js';
import type { DomainError } from '../../../platform/errors/domain-error.js';
import type { BatchedWriter, WriteBatches } from '../write-batches.js';
import { closingOf } from '../closings.js';

/**
 * One event stream as the core sees it. Blocks of log events are made once for all streams; writes of one flush leave in
 * one system call.
 */
export class SseLink implements ClientLink, BatchedWriter {
  readonly transport = 'sse';
  private collecting = false;
  private ready = false;

  constructor(
    private readonly response: ServerResponse,
    private readonly batches: WriteBatches,
  ) {}

  sendEvent(event: EncodedEvent, _channels: readonly string[], merged?: number): void {
    if (!this.isOpen) return;
    if (!this.collecting) {
      this.collecting = true;
      this.response.cork();
      this.batches.add(this);
    }
    this.response.write(merged === undefined ? event.frame('sse', sharedBlock) : sseBlock(event, merged));
  }

  /**
   * Before `ready` the replay is still going on: a heartbeat's cursor would make a client that is cut now skip the rest,
   * so it goes out as a comment that only keeps the connection alive.
   */
  sendMessage(name: string, body: Readonly<Record<string, unknown>>): void {
    if (!this.isOpen) return;
    if (name === 'ready') this.ready = true;
    this.response.write(name === 'heartbeat' && !this.ready ? ': replaying\n\n' : sseMessage(name, body));
  }

  bufferedBytes(): number {
    return this.response.writableLength;
  }

  flushWrites(): void {
    this.collecting = false;
    this.response.uncork();
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
    this.response.write(sseMessage(name, body));
    this.response.end();
  }

  private get isOpen(): boolean {
    return !this.response.writableEnded && !this.response.destroyed;
  }
}

function sharedBlock(event: EncodedEvent): Buffer {
  return Buffer.from(sseBlock(event));
}
