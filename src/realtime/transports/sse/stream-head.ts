import type { ServerResponse } from 'node:http';
import { sseMessage } from '../../core/wire/sse.js';
import type { DomainError } from '../../../platform/errors/domain-error.js';

/** Range of the reconnect delay, ms. Each client gets a random delay, so that many clients do not reconnect at once. */
const RETRY_DELAY_MS = { min: 1_000, max: 5_000 } as const;
/** Range of the reconnect delay after too many connections, ms. */
const CROWDED_RETRY_DELAY_MS = { min: 3_000, max: 12_000 } as const;

const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
};

/** Begins an event stream. */
export function beginStream(response: ServerResponse): void {
  response.writeHead(200, HEADERS);
  response.write(`retry: ${spread(RETRY_DELAY_MS)}\n\n`);
}

/** Sends an event stream that contains the error and the delay after which the client reconnects by itself. */
export function refuseForNow(response: ServerResponse, error: DomainError): void {
  const retryAfterMs = spread(error.code === 'rate_limited' ? CROWDED_RETRY_DELAY_MS : RETRY_DELAY_MS);
  // Closed, so that a balancer may route the next attempt to another process.
  response.writeHead(200, { ...HEADERS, Connection: 'close' });
  response.end(`retry: ${retryAfterMs}\n\n${sseMessage('error', { ...error.toSocket(), retryAfterMs })}`);
}

function spread({ min, max }: { min: number; max: number }): number {
  return Math.round(min + Math.random() * (max - min));
}
