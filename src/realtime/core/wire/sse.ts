import type { EncodedEvent } from './encoded-event.js';

/** Returns one block of the event stream: name, JSON, and the cursor as its id. */
export function sseBlock(event: EncodedEvent, merged?: number): string {
  return `event: ${event.name}\nid: ${event.cursor}\ndata: ${event.textMerged(merged)}\n\n`;
}

/**
 * Returns the block of a message that is not an event. Only `heartbeat` and `ready` advance the client's `Last-Event-ID`:
 * everything before their cursor was sent. With the cursor of another message (the newest position in `connected`, a
 * snapshot's position) a client that is disconnected during its replay would skip the rest of the replay.
 */
export function sseMessage(name: string, body: Readonly<Record<string, unknown>>): string {
  const { cursor } = body;
  const id = (name === 'heartbeat' || name === 'ready') && typeof cursor === 'string' ? `id: ${cursor}\n` : '';
  return `event: ${name}\n${id}data: ${JSON.stringify(body)}\n\n`;
}
