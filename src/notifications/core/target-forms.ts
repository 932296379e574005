import { createHash } from 'node:crypto';
import type { Channel } from './delivery.js';

/** Browser's PushSubscription, as `JSON.stringify` gives it. */
export interface PushSubscription {
  endpoint: string;
  keys: { p256dh: string; auth: string };
}

const MAX_MAIL_LENGTH = 254;
/**
 * Form of a mail address, deliberately strict: no quoted parts, no comments, no address literals, and no character that could
 * begin a header.
 */
const MAIL =
  /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/i;
const FCM_TOKEN = /^[\w:.-]{20,2048}$/;
const PUSH_REFERENCE = /^push:[\w-]{43}$/;
const BASE64URL = /^[\w-]+={0,2}$/;
const P256_POINT_BYTES = 65;
const AUTH_BYTES = 16;

/** Returns the address with its domain in lower case; undefined for other texts. */
export function mailAddress(text: string): string | undefined {
  const trimmed = text.trim();
  if (trimmed.length > MAX_MAIL_LENGTH || !MAIL.test(trimmed)) return undefined;
  const [local = '', domain = ''] = trimmed.split('@');
  if (local.startsWith('.') || local.endsWith('.') || local.includes('..')) return undefined;
  return `${local}@${domain.toLowerCase()}`;
}

/** Returns the key that two spellings of one target share: a mailbox has one name, however it is capitalised. */
export function targetKey(channel: Channel, target: string): string {
  return channel === 'email' ? target.toLowerCase() : target;
}

/** Parses a push target: a token or a subscription; undefined for other texts. */
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

/** Returns the name under which a push target is shown and kept in rules: its token is a secret. */
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
