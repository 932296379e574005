import { createHash } from 'node:crypto';
import type { ChannelDefinition } from './definition.js';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

const FCM_TOKEN = /^[\w:.-]{20,2048}$/;
const PUSH_REFERENCE = /^push:[\w-]{43}$/;
const BASE64URL = /^[\w-]+={0,2}$/;
const P256_POINT_BYTES = 65;
const AUTH_BYTES = 16;

/** Browser's PushSubscription, in the form of `JSON.stringify`. */
export interface PushSubscription {
  endpoint: string;
  keys: { p256dh: string; auth: string };
}

/** Messages to devices: browsers and apps. */
export const PUSH: ChannelDefinition = {
  normalise: (text, { unproven: status, url }) => {
    const parsed = pushTarget(text);
    if (parsed === undefined) return { fault: 'a push target must be an FCM token or the JSON of a PushSubscription' };
    if ('reference' in parsed) return { target: parsed.reference, status: 'pending', reference: true };
    if ('token' in parsed) return { target: pushReference(parsed), secret: parsed.token, status, host: 'fcm' };
    const { keys } = parsed.subscription;
    const subscription = { endpoint: url(parsed.subscription.endpoint), keys };
    const { host } = new URL(subscription.endpoint);
    return { target: pushReference({ subscription }), secret: JSON.stringify(subscription), status, host };
  },
  key: (target) => target,
  proof: {
    type: 'endpoint.verify',
    byLink: true,
    byCode: true,
    data: (challenge, code) => ({ challenge, code }),
  },
  retryWaitsMs: [10 * SECOND_MS, MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS],
  lanes: { main: { name: 'deliver-push', concurrency: 32 } },
  limits: {
    setting: 'webhookRate',
    per: 'minute',
    reason: 'endpoint_rate',
    sendsTogether: false,
    limitsHosts: true,
  },
  onDead: 'forget',
  hasBreaker: false,
  isSigned: false,
  hasShortNames: false,
  hasFormats: false,
  isCollected: false,
  hasUnsubscribe: false,
};

/** Parses a push target: a shown name, a token or a subscription; undefined for other texts. */
export function pushTarget(
  text: string,
): { reference: string } | { token: string } | { subscription: PushSubscription } | undefined {
  if (PUSH_REFERENCE.test(text)) return { reference: text };
  if (text.startsWith('{')) {
    const subscription = parseSubscription(text);
    return subscription && { subscription };
  }
  return FCM_TOKEN.test(text) ? { token: text } : undefined;
}

/** Returns the name under which a push target is shown and stored in rules, because its token is a secret. */
export function pushReference(target: { token: string } | { subscription: PushSubscription }): string {
  const content = 'token' in target ? target.token : target.subscription.endpoint;
  return `push:${createHash('sha256').update(content).digest('base64url')}`;
}

function parseSubscription(text: string): PushSubscription | undefined {
  try {
    const { endpoint, keys } = JSON.parse(text) as Partial<PushSubscription>;
    if (typeof endpoint !== 'string' || !isKey(keys?.p256dh, P256_POINT_BYTES) || !isKey(keys?.auth, AUTH_BYTES)) {
      return undefined;
    }
    return { endpoint, keys: { p256dh: keys?.p256dh ?? '', auth: keys?.auth ?? '' } };
  } catch {
    return undefined;
  }
}

function isKey(value: unknown, bytes: number): boolean {
  return typeof value === 'string' && BASE64URL.test(value) && Buffer.from(value, 'base64url').length === bytes;
}
