import { describe, expect, it } from 'vitest';
import { secretFromHandshake, secretFromHeaders, secretFromRequest } from './credentials.js';

const bearer = (text: string) => ({ authorization: text });

describe('the API key of a request', () => {
  it('is read from the `Authorization: Bearer` header, regardless of letter case and spacing', () => {
    expect(secretFromHeaders(bearer('Bearer k'))).toBe('k');
    expect(secretFromHeaders(bearer('bearer \t k '))).toBe('k');
    for (const text of ['', 'Bearer', 'Bearer ', 'Basic k', 'Bearer a b', 'k']) {
      expect(secretFromHeaders(bearer(text))).toBeUndefined();
    }
    expect(secretFromHeaders({})).toBeUndefined();
  });

  it('is read from the `Authorization` header first, then from the `apiKey` query parameter', () => {
    expect(secretFromRequest({ headers: bearer('Bearer h'), query: { apiKey: 'q' } })).toBe('h');
    expect(secretFromRequest({ headers: {}, query: { apiKey: 'q' } })).toBe('q');
    for (const apiKey of [['q'], '', {}, undefined])
      expect(secretFromRequest({ headers: {}, query: { apiKey } })).toBeUndefined();
    expect(secretFromRequest({ headers: {} })).toBeUndefined();
  });

  it('is read in a Socket.IO handshake from `auth`, then the header, then the query', () => {
    const query = { apiKey: 'q' };
    expect(secretFromHandshake({ headers: bearer('Bearer h'), query, auth: { apiKey: 'a' } })).toBe('a');
    expect(secretFromHandshake({ headers: bearer('Bearer h'), query, auth: { apiKey: 7 } })).toBe('h');
    for (const auth of [undefined, null, 'x', {}, []])
      expect(secretFromHandshake({ headers: {}, query, auth })).toBe('q');
  });
});
