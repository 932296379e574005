import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** The id part holds no underscore, so a key splits in one way only. */
const FORM = /^rta_([A-Za-z0-9]{1,64})_([A-Za-z0-9_-]{1,128})$/;

/** Without control characters and halves of characters, which a database would store as others. */
export const PRINTABLE = /^[^\p{Cc}\p{Cs}]*$/u;
/** With a character that can be seen. */
export const NOT_BLANK = /\S/;

export interface ApiKeyParts {
  id: string;
  secret: string;
}

/** A new key: 64 random bits name it, 256 guard it. */
export function newApiKey(): ApiKeyParts {
  return { id: randomBytes(8).toString('hex'), secret: randomBytes(32).toString('base64url') };
}

export function formatApiKey({ id, secret }: ApiKeyParts): string {
  return `rta_${id}_${secret}`;
}

export function parseApiKey(text: string): ApiKeyParts | undefined {
  const [, id, secret] = FORM.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** Whether a text can be the id of a key; anything else need not be looked up. */
export function isKeyId(text: string): boolean {
  return /^[A-Za-z0-9]{1,64}$/.test(text);
}

/**
 * One round of SHA-256, without salt or work factor: those slow down guessing of secrets that people choose. A secret of
 * 256 random bits cannot be guessed at any speed, and the hash is on the way of every request (about 1 µs; bcrypt would
 * be 100 ms, a gift to anyone who floods the server with keys).
 */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Compares in constant time, so that answers do not tell how much of a hash was right. */
export function secretMatches(secret: string, hash: Buffer): boolean {
  const shown = hashSecret(secret);
  return shown.length === hash.length && timingSafeEqual(shown, hash);
}

/** A text with the secret of every key in it cut out. */
export function withoutSecrets(text: string): string {
  return text.replaceAll(/rta_([A-Za-z0-9]{1,64})_[A-Za-z0-9_-]+/g, 'rta_$1_***');
}
