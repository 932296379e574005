import { cutText } from '../../core/cut-text.js';
import type { ClaimedDelivery } from '../../core/delivery-row.js';

/** Content of a push message: title and body, which the device shows, and data for its program. */
export interface PushContent {
  title: string;
  body: string;
  data: object;
}

/**
 * Maximum size of a payload, bytes. Push services accept 4 KB after encryption, of which about 3 KB are always available.
 */
const MAX_PAYLOAD_BYTES = 3_000;
/** Maximum size of title and body together up to which they are shown unchanged, bytes. */
const MAX_SHOWN_BYTES = 1_000;
/** Members of an alert that are sent if the whole alert is too large for a push message: enough to find the alert. */
const NEEDED: readonly string[] = ['alertId', 'ruleId', 'state', 'links'];
const MAX_TTL_SECONDS = 86_400;

/**
 * Returns the JSON for a service worker. If the data would make it larger than `largest` bytes, only the members in
 * `NEEDED` are sent.
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

/**
 * Returns the notification that FCM shows itself, and the payload for the program; together at most the 4 KB that FCM
 * accepts.
 */
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
