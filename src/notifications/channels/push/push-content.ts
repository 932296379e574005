import { cutText } from '../../core/cut-text.js';
import type { ClaimedDelivery } from '../../deliveries/delivery-row.js';

/** Content of a push message: the part that a device shows, and the data for its program. */
export interface PushContent {
  title: string;
  body: string;
  data: object;
}

/** Maximum size of a payload, bytes: push services take 4 KB encrypted, of which about 3 KB are certainly available. */
const MAX_PAYLOAD_BYTES = 3_000;
/** Maximum size of a title and a body together that are shown unchanged, bytes. */
const MAX_SHOWN_BYTES = 1_000;
/** Fields kept of an alert that is too large for a push message: enough to find the rest. */
const NEEDED: readonly string[] = ['alertId', 'ruleId', 'state', 'links'];
const MAX_TTL_SECONDS = 86_400;

/**
 * Returns the JSON that a service worker gets. Data that would make it larger than `largest` bytes is reduced to the fields that
 * find it.
 */
export function pushPayload(content: PushContent, largest = MAX_PAYLOAD_BYTES): string {
  const { title, body, data } = content;
  const needed = Object.fromEntries(Object.entries(data).filter(([key]) => NEEDED.includes(key)));
  const candidates = [
    { title, body, data },
    { ...short(content), data: needed },
  ].map((each) => JSON.stringify(each));
  return candidates.find((text) => Buffer.byteLength(text) <= largest) ?? JSON.stringify(short(content));
}

/** Returns the part that a service shows by itself, and the payload beside it: together within the 4 KB that Google takes. */
export function shownAndPayload(content: PushContent): { shown: { title: string; body: string }; payload: string } {
  const { title, body } = content;
  const shown = Buffer.byteLength(title + body) <= MAX_SHOWN_BYTES ? { title, body } : short(content);
  return { shown, payload: pushPayload(content, MAX_PAYLOAD_BYTES - Buffer.byteLength(shown.title + shown.body)) };
}

function short({ title, body }: PushContent): { title: string; body: string } {
  return { title: cutText(title, 100), body: cutText(body, 500) };
}

export function secondsLeft({ expiresAt }: Pick<ClaimedDelivery, 'expiresAt'>, now: number): number {
  return Math.min(MAX_TTL_SECONDS, Math.max(0, Math.floor((expiresAt.getTime() - now) / 1_000)));
}
