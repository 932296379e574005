import { cutText } from '../../core/cut-text.js';
import type { ClaimedDelivery } from '../../deliveries/delivery-row.js';

/** What a device shows, and what its program can work with. */
export interface PushContent {
  title: string;
  body: string;
  data: object;
}

/** Push services take 4 KB encrypted; of it about 3 KB are sure to be ours. */
const LARGEST_PAYLOAD = 3_000;
/** Of a title and a body together, that are shown as they are. */
const LARGEST_SHOWN = 1_000;
/** Of an alert that is too large for a push: what finds the rest. */
const NEEDED: readonly string[] = ['alertId', 'ruleId', 'state', 'links'];
const LONGEST_TTL_SECONDS = 86_400;

/** The JSON that a service worker gets. Of data that would make it larger than `largest` bytes only what finds it is in it. */
export function pushPayload(content: PushContent, largest = LARGEST_PAYLOAD): string {
  const { title, body, data } = content;
  const needed = Object.fromEntries(Object.entries(data).filter(([key]) => NEEDED.includes(key)));
  const candidates = [
    { title, body, data },
    { ...short(content), data: needed },
  ].map((each) => JSON.stringify(each));
  return candidates.find((text) => Buffer.byteLength(text) <= largest) ?? JSON.stringify(short(content));
}

/** What a service shows by itself, and the payload beside it: together within the 4 KB that Google takes. */
export function shownAndPayload(content: PushContent): { shown: { title: string; body: string }; payload: string } {
  const { title, body } = content;
  const shown = Buffer.byteLength(title + body) <= LARGEST_SHOWN ? { title, body } : short(content);
  return { shown, payload: pushPayload(content, LARGEST_PAYLOAD - Buffer.byteLength(shown.title + shown.body)) };
}

function short({ title, body }: PushContent): { title: string; body: string } {
  return { title: cutText(title, 100), body: cutText(body, 500) };
}

export function secondsLeft({ expiresAt }: Pick<ClaimedDelivery, 'expiresAt'>, now: number): number {
  return Math.min(LONGEST_TTL_SECONDS, Math.max(0, Math.floor((expiresAt.getTime() - now) / 1_000)));
}
