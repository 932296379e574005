import type { ClientError } from './client-error.js';
import type { DefiEvent, StreamMessage } from './events.js';
import type { Ask, Filter } from './filter.js';
import type { Answer } from './subscription.js';

/** Subscription as a connection knows it. */
export interface Requester {
  readonly label: string;
  readonly filter: Filter;
  /** Latest request; answers to earlier ones are void. */
  readonly asked: Ask;
  readonly hasEnded: boolean;
}

/** One connection over one transport. */
export interface Wire {
  /** Requests a subscription under its label. */
  ask(subscriber: Requester, ask: Ask): void;
  /** Ends a subscription. */
  drop(label: string, subscriber: Requester): void;
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
  answered(subscriber: Requester, answer: Answer, asked: Ask): void;
  event(label: string, event: DefiEvent): void;
  rows(subscriber: Requester, message: StreamMessage): void;
  /** Reports that everything up to the cursor was sent; `subscriber`: to that subscription only. */
  beat(cursor: string, subscriber?: Requester): void;
  /** Reports that the log began anew. */
  restarted(cursor: string): void;
  merged(): void;
  draining(afterMs: number): void;
  announced(text: string): void;
  /** Reports a refused subscription. */
  refused(error: ClientError, subscriber: Requester, asked: Ask): void;
  /** Reports a refused message that may be any; the connection stays. */
  failed(error: ClientError): void;
  /** Reports the end of the connection. */
  ended(error?: ClientError): void;
}
