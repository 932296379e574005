import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redact } from '../platform/errors/redaction.js';
import { formatApiKey, hashSecret, isKeyId, newApiKey, parseApiKey, secretMatches } from './api-key-text.js';

describe('API keys', () => {
  it('are unique and can be parsed back into id and secret', () => {
    const made = Array.from({ length: 1000 }, newApiKey);
    expect(new Set(made.map(formatApiKey)).size).toBe(1000);
    for (const parts of made) expect(parseApiKey(formatApiKey(parts))).toEqual(parts);
  });

  it('match only the hash of their own secret', () => {
    const { secret } = newApiKey();
    expect(secretMatches(secret, hashSecret(secret))).toBe(true);
    expect(secretMatches(`${secret}x`, hashSecret(secret))).toBe(false);
    expect(secretMatches(secret, Buffer.alloc(0))).toBe(false);
  });

  it('are parsed only from text in the exact key format', () => {
    for (const text of [
      '',
      'rta_',
      'rta_a',
      'rta_a_',
      'rta__b',
      'xrta_a_b',
      'rta_a_b ',
      'rta_a_b\n',
      `rta_a_${'b'.repeat(129)}`,
    ]) {
      expect(parseApiKey(text)).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.string(), (text) => parseApiKey(text) === undefined || formatApiKey(parseApiKey(text)!) === text),
    );
  });

  it('are redacted in any text so that the id stays and the secret is removed', () => {
    const key = newApiKey();
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        const shown = redact(`${before} ${formatApiKey(key)} ${after}`);
        return !shown.includes(key.secret) && shown.includes(key.id);
      }),
    );
  });

  it('have ids of 1 to 64 letters and digits', () => {
    expect(['a', 'Z9', 'a'.repeat(64)].every(isKeyId)).toBe(true);
    expect(['', 'a_b', 'a'.repeat(65), 'a\0'].some(isKeyId)).toBe(false);
  });
});
