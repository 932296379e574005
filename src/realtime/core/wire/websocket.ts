import { updateName } from '../../../events/index.js';
import type { EncodedEvent } from './encoded-event.js';

/** Returns the text of an update: contract fields plus aliases in `data`, times in Unix milliseconds. */
export function websocketText(event: EncodedEvent, channels: readonly string[], merged?: number): string {
  const rest = event.part(restOfUpdate);
  const names = channels.length === 1 ? `[${JSON.stringify(channels[0])}]` : JSON.stringify(channels);
  const count = merged === undefined ? '' : `,"merged":${merged}`;
  return `{"type":"${updateName(event.name)}","channel":${JSON.stringify(channels[0] ?? null)},"channels":${names}${count},${rest}`;
}

/**
 * Returns the part of an update that is the same for every connection; only the channel names differ between connections.
 */
function restOfUpdate(event: EncodedEvent): string {
  const timestamp = event.event.observedAt;
  const { cursor } = event;
  return JSON.stringify({ cursor, data: { ...event.payload, timestamp, ...aliases(event) }, timestamp }).slice(1);
}

/** Repeats values under the alias names of the published examples of the plain WebSocket API. */
function aliases(event: EncodedEvent): Readonly<Record<string, unknown>> {
  const { type, protocol, token, current } = event.event;
  const { change24h } = event;
  if (type === 'tvl_change') return { protocolId: protocol, tvl: current, change24h };
  if (type === 'price_change') return { coin: token, tokenId: token, price: current, change24h };
  return protocol === null ? {} : { protocolId: protocol };
}

/**
 * Returns a message that is not an event as one flat object. ISO 8601 times of the core become Unix milliseconds; members
 * other than `type`, `id`, `cursor` and `timestamp` keep their order.
 */
export function websocketMessage(name: string, body: Readonly<Record<string, unknown>>): string {
  if (name === 'error') {
    const { subscriptionId, ...error } = body;
    return JSON.stringify({ type: name, error, subscriptionId });
  }
  if (name === 'system_announcement') return announcement(body);
  return JSON.stringify({ type: name, ...inMilliseconds(body) });
}

function announcement(body: Readonly<Record<string, unknown>>): string {
  const { timestamp } = inMilliseconds(body);
  return JSON.stringify({ type: 'system_announcement', data: { message: body['message'] }, timestamp });
}

function inMilliseconds(body: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { timestamp, items } = body;
  return {
    ...body,
    ...(typeof timestamp === 'string' ? { timestamp: Date.parse(timestamp) } : {}),
    ...(Array.isArray(items) ? { items: items.map(inMillisecondsIfObject) } : {}),
  };
}

function inMillisecondsIfObject(item: unknown): unknown {
  return typeof item === 'object' && item !== null ? inMilliseconds(item as Readonly<Record<string, unknown>>) : item;
}
