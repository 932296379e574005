import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { LRUCache } from 'lru-cache';

/** Time for which a valid key is remembered after its last request, ms. */
const KEY_TTL_MS = 60_000;
const MAX_KEYS = 10_000;
/** Maximum length of a key that is remembered, characters. It bounds the work, because a key is hashed before it is checked. */
const MAX_KEY_LENGTH = 4_096;
/** Key in an address: browsers' event streams and WebSockets cannot send headers. */
const KEY_IN_ADDRESS = /[?&]apiKey=([^&#]{1,4096})/;

/** Hashes of the keys that were valid lately: the process must not retain the keys, which are secret. */
const valid = new LRUCache<string, true>({ max: MAX_KEYS, ttl: KEY_TTL_MS });

/**
 * Remembers for a minute that the key of a request is valid and within its limits. The returned function starts the minute
 * anew: it is called at the end of the connection, which may have lasted for hours.
 */
export function rememberKey(request: IncomingMessage): () => void {
  const name = nameOf(request);
  const remember = (): void => void (name === undefined || valid.set(name, true));
  remember();
  return remember;
}

/** Forgets the key of a request that was not admitted with it. */
export function forgetKey(request: IncomingMessage): void {
  const name = nameOf(request);
  if (name !== undefined) valid.delete(name);
}

/**
 * Returns a name for the key of a request if the key was valid within the last minute: its requests need not wait among those
 * without a key, which may come from the same address. The key is checked in any case when the request begins.
 */
export function validKeyOf(request: IncomingMessage): string | undefined {
  const name = nameOf(request);
  return name !== undefined && valid.has(name) ? name : undefined;
}

function nameOf({ headers: { authorization }, url = '' }: IncomingMessage): string | undefined {
  const shown = authorization ?? KEY_IN_ADDRESS.exec(url)?.[1];
  if (shown === undefined || shown.length > MAX_KEY_LENGTH) return undefined;
  return hash('sha256', shown, 'base64');
}
