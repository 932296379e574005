import type { ClientError } from './client-error.js';
import type { DefiEvent, StreamMessage } from './events.js';
import type { Ask } from './filter.js';
import type { Answer, Subscriber } from './subscription.js';

/** One connection over one transport. */
export interface Wire {
  /** Requests a subscription under its label. */
  ask(subscriber: Subscriber, ask: Ask): void;
  /** Ends a subscription. */
  drop(label: string, subscriber: Subscriber): void;
  /** Asks for any sign of life. Returns false if the transport cannot ask. */
  probe(): boolean;
  /** Gives a new key or token to the open connection. Returns false if the transport needs a new connection. */
  renew(secret: string): boolean;
  close(): void;
}

/** Receiver of what a connection brings. */
export interface WireSink {
  /** Reports that requests can be sent. */
  opened(): void;
  /** Reports that the server has accepted the connection. */
  accepted(expiresInMs: number | null | undefined): void;
  /** Reports any input of the server. */
  alive(): void;
  answered(subscriber: Subscriber, answer: Answer, asked: Ask): void;
  event(label: string, event: DefiEvent): void;
  rows(subscriber: Subscriber, message: StreamMessage): void;
  /** Reports that everything up to the cursor was sent; `subscriber`: to that subscription only. */
  beat(cursor: string, subscriber?: Subscriber): void;
  /** Reports that the log began anew. */
  restarted(cursor: string): void;
  merged(): void;
  draining(afterMs: number): void;
  announced(text: string): void;
  /** Reports a refused subscription. */
  refused(error: ClientError, subscriber: Subscriber, asked: Ask): void;
  /** Reports a refused message that may be any; the connection stays. */
  failed(error: ClientError): void;
  /** Reports the end of the connection. */
  ended(error?: ClientError): void;
}
