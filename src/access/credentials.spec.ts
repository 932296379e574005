import { describe, expect, it } from 'vitest';
import { secretFromHandshake, secretFromHeaders, secretFromRequest } from './credentials.js';

const bearer = (text: string) => ({ authorization: text });

describe('where a key is found', () => {
  it('is the Authorization header, in any case and spacing', () => {
    expect(secretFromHeaders(bearer('Bearer k'))).toBe('k');
    expect(secretFromHeaders(bearer('bearer \t k '))).toBe('k');
    for (const text of ['', 'Bearer', 'Bearer ', 'Basic k', 'Bearer a b', 'k']) {
      expect(secretFromHeaders(bearer(text))).toBeUndefined();
    }
    expect(secretFromHeaders({})).toBeUndefined();
  });

  it('is the header before the query', () => {
    expect(secretFromRequest({ headers: bearer('Bearer h'), query: { apiKey: 'q' } })).toBe('h');
    expect(secretFromRequest({ headers: {}, query: { apiKey: 'q' } })).toBe('q');
    for (const apiKey of [['q'], '', {}, undefined])
      expect(secretFromRequest({ headers: {}, query: { apiKey } })).toBeUndefined();
    expect(secretFromRequest({ headers: {} })).toBeUndefined();
  });

  it('is, for Socket.IO, auth before header before query', () => {
    const query = { apiKey: 'q' };
    expect(secretFromHandshake({ headers: bearer('Bearer h'), query, auth: { apiKey: 'a' } })).toBe('a');
    expect(secretFromHandshake({ headers: bearer('Bearer h'), query, auth: { apiKey: 7 } })).toBe('h');
    for (const auth of [undefined, null, 'x', {}, []])
      expect(secretFromHandshake({ headers: {}, query, auth })).toBe('q');
  });
});
