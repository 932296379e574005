import type { EncodedEvent } from './encoded-event.js';
import type { SharedMessage } from './shared-message.js';

export type TransportName = 'socketio' | 'websocket' | 'sse';

/** Reasons for which the server ends a connection; transports map them to their close code. */
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
  /** The token expired; the client may continue with a renewed token. */
  | 'expired'
  /** The key expired, permanently. */
  | 'key_expired'
  | 'replaced'
  | 'unavailable'
  /** An operator ended the connection with `final`: the key may not reconnect from that address for a while. */
  | 'dismissed';

/**
 * Interface of a transport to the core, one object per connection. All calls are synchronous and keep their order. A link
 * never throws; after its connection has ended it ignores all calls.
 */
export interface ClientLink {
  readonly transport: TransportName;
  /**
   * Sends one event of the log. `channels` are the names under which this connection subscribed, oldest first; plain WebSocket
   * puts them into the frame, the others ignore them.
   */
  sendEvent(event: EncodedEvent, channels: readonly string[], merged?: number): void;
  /**
   * Sends a message that is not an event of the log: `connected`, `heartbeat`, `snapshot`, `slow_consumer`, … `position`
   * is the position from which the client may resume after it has received the message. Socket.IO sends it as a further
   * argument, the other transports omit it.
   */
  sendMessage(name: string, body: Readonly<Record<string, unknown>>, position?: string): void;
  /** Sends a message that other connections receive, too. */
  sendShared(message: SharedMessage): void;
  /** Number of bytes given to the link that the network has not yet taken. */
  bufferedBytes(): number;
  /** Ends the connection; the last message has the reason and the cursor to resume from. */
  close(reason: CloseReason, cursor: string, message?: string): void;
}
