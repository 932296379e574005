import type { ClaimedDelivery } from '../../deliveries/delivery-row.js';

/** What a device shows, and what its program can work with. */
export interface PushContent {
  title: string;
  body: string;
  data: object;
}

/** Push services take 4 KB encrypted; of it about 3 KB are sure to be ours. */
const LARGEST_PAYLOAD = 3_000;
const LONGEST_TTL_SECONDS = 86_400;

/** The JSON that a service worker gets. Data that would make it too large is left out. */
export function pushPayload({ title, body, data }: PushContent): string {
  const full = JSON.stringify({ title, body, data });
  if (Buffer.byteLength(full) <= LARGEST_PAYLOAD) return full;
  return JSON.stringify({ title: title.slice(0, 100), body: body.slice(0, 500) });
}

export function secondsLeft({ expiresAt }: Pick<ClaimedDelivery, 'expiresAt'>, now: number): number {
  return Math.min(LONGEST_TTL_SECONDS, Math.max(0, Math.floor((expiresAt.getTime() - now) / 1_000)));
}
