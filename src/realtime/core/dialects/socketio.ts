import type { EncodedEvent } from '../encoded-event.js';

/**
 * The Socket.IO packet of an event as text: type 2 (EVENT), namespace, `[name, payload]`. The engine's own message type
 * (`4`) is not included; the transport puts it in front.
 */
export function socketIoEvent(event: EncodedEvent, namespace: string, merged?: number): string {
  return `2${namespace},["${event.name}",${event.textMerged(merged)}]`;
}
