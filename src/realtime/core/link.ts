import type { EncodedEvent } from './encoded-event.js';
import type { SharedMessage } from './shared-message.js';

export type TransportName = 'socketio' | 'websocket' | 'sse';

/** Why the server ends a connection; transports map it to their close code. */
export type CloseReason =
  | 'malformed'
  | 'too_large'
  | 'unauthenticated'
  | 'forbidden'
  | 'slow_consumer'
  | 'limit_exceeded'
  | 'connection_limit'
  | 'server_draining'
  | 'revoked'
  | 'expired'
  | 'replaced'
  | 'unavailable'
  /** An operator's last word: the key may not come back from there for a while. */
  | 'dismissed';

/**
 * What the core needs from a transport, one per connection. Everything is synchronous and in order: what was handed over
 * first reaches the client first. A link never throws; after its connection has ended it drops what it gets.
 */
export interface ClientLink {
  readonly transport: TransportName;
  /**
   * One event of the log. `channels` are the names under which this connection asked for it, first asked first; plain
   * WebSocket puts them into the frame, the others ignore them.
   */
  sendEvent(event: EncodedEvent, channels: readonly string[], merged?: number): void;
  /**
   * A message that is not an event of the log: `connected`, `heartbeat`, `snapshot`, `slow_consumer`, … `position` is
   * where the client may go on from once it has the message; Socket.IO puts it behind the body, the others leave it out.
   */
  sendMessage(name: string, body: Readonly<Record<string, unknown>>, position?: string): void;
  /** A message that others get too. */
  sendShared(message: SharedMessage): void;
  /** Bytes accepted but not yet taken by the network. */
  bufferedBytes(): number;
  /** Ends the connection; the last message tells the reason and the cursor to come back with. */
  close(reason: CloseReason, cursor: string, message?: string): void;
}
