import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** Format of a key. The id contains no underscore, so the format can be parsed in one way only. */
const FORM = /^rta_([A-Za-z0-9]{1,64})_([A-Za-z0-9_-]{1,128})$/;

export interface ApiKeyParts {
  id: string;
  secret: string;
}

/** Generates a key: an id of 64 random bits and a secret of 256. */
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

/** Whether a text has the format of a key's id; no other text needs a look-up. */
export function isKeyId(text: string): boolean {
  return /^[A-Za-z0-9]{1,64}$/.test(text);
}

/**
 * Hashes a secret with one round of SHA-256, without salt or work factor, which protect secrets that people choose. A secret
 * of 256 random bits cannot be guessed at any speed, and every request needs the hash: it takes about 1 µs; bcrypt would
 * take 100 ms, which a flood of keys could exploit.
 */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Compares in constant time, so that the response time does not reveal how many bytes of a hash match. */
export function secretMatches(secret: string, hash: Buffer): boolean {
  const shown = hashSecret(secret);
  return shown.length === hash.length && timingSafeEqual(shown, hash);
}
