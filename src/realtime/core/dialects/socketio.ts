import type { EncodedEvent } from '../encoded-event.js';

/**
 * The Socket.IO packet of an event as text: type 2 (EVENT), namespace, `[name, payload, cursor]`: socket.io-client gives
 * the last argument back as `offset` when it returns. The engine's own message type
 * (`4`) is not included; the transport puts it in front.
 */
export function socketIoEvent(event: EncodedEvent, namespace: string, merged?: number): string {
  return `2${namespace},["${event.name}",${event.textMerged(merged)},"${event.cursor}"]`;
}

/** The packet of a message that is no event of the log. */
export function socketIoMessage(name: string, body: object, namespace: string): string {
  return `2${namespace},${JSON.stringify([name, body])}`;
}
