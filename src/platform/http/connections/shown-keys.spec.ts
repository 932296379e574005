import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { forgetKey, rememberKey, validKeyOf } from './shown-keys.js';

const request = (url: string, authorization?: string): IncomingMessage => {
  return { url, headers: authorization === undefined ? {} : { authorization } } as IncomingMessage;
};

describe('a valid key', () => {
  it.each([
    ['the header', request('/', 'Bearer a'), request('/other', 'Bearer a'), request('/', 'Bearer b')],
    ['the URL', request('/v1/stream?channels=x&apiKey=c'), request('/ws?apiKey=c#x'), request('/ws?apiKey=d')],
  ])('in %s is recognised until a request with it is not admitted', (_, first, second, other) => {
    expect(validKeyOf(second)).toBeUndefined();
    const again = rememberKey(first);
    expect(validKeyOf(second)).toBeTypeOf('string');
    expect(validKeyOf(other)).toBeUndefined();
    forgetKey(second);
    expect(validKeyOf(first)).toBeUndefined();
    again();
    expect(validKeyOf(second)).toBeTypeOf('string');
  });

  it('beyond 4,096 characters is not remembered', () => {
    const long = request('/', `Bearer ${'a'.repeat(4_096)}`);
    rememberKey(long)();
    expect(validKeyOf(long)).toBeUndefined();
  });
});
