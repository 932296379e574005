import type { EncodedEvent } from './encoded-event.js';

/**
 * Returns the Socket.IO packet of an event as text: type 2 (EVENT), namespace, `[name, payload, cursor]`. socket.io-client
 * sends the last argument back as `offset` when it reconnects. The engine's own message type (`4`) is not included; the
 * transport prepends it.
 */
export function socketIoEvent(event: EncodedEvent, namespace: string, merged?: number): string {
  return `2${namespace},["${event.name}",${event.textMerged(merged)},"${event.cursor}"]`;
}

/** Returns the packet of a message that is not an event of the log. */
export function socketIoMessage(name: string, body: object, namespace: string): string {
  return `2${namespace},${JSON.stringify([name, body])}`;
}
