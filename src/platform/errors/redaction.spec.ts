import { describe, expect, it } from 'vitest';
import { loggedAddress } from '../logging/logged-address.js';
import { redact } from './redaction.js';

describe('`redact`', () => {
  it.each([
    [
      'an API key anywhere in the text',
      '{"msg":"used rta_ab12_s3cr3tS3cr3t-_x today"}',
      '{"msg":"used rta_ab12_*** today"}',
    ],
    ['a key in a URL', '{"url":"/v1/stream?apiKey=anything&a=1"}', '{"url":"/v1/stream?apiKey=***&a=1"}'],
    ['a key under another parameter name', '"/x?a=1&api_key=abc&token=def"', '"/x?a=1&api_key=***&token=***"'],
    ['a signed token', '"Bearer eyJhbGci.eyJzdWIi.c2ln-bmF0"', '"Bearer ***"'],
    ['a password in a URL', '"postgres://rta:hunter2@db:5432/x"', '"postgres://rta:***@db:5432/x"'],
  ])('masks %s', (_what, line, expected) => {
    expect(redact(line)).toBe(expected);
  });

  it('needs linear time, even for text constructed to be slow', () => {
    const length = 400_000;
    for (const part of ['a', 'rta_', 'eyJ-', 'eyJa.', '://a:', '?key=', '-eyJ', 'a-', '://', 'rta_a_']) {
      const text = part.repeat(Math.ceil(length / part.length));
      const before = process.threadCpuUsage();
      redact(text);
      const { user } = process.threadCpuUsage(before);
      expect({ part, isSlow: user > 250_000 }).toEqual({ part, isSlow: false });
    }
  });

  it('does not change text without secrets', () => {
    const line = '{"role":"rta_app","url":"http://host:8080/v1/x?chain=ethereum","time":"2026-11-21T02:00:00.000Z"}';
    expect(redact(line)).toBe(line);
  });
});

describe('`loggedAddress`', () => {
  it.each([
    ['/v1/stream?apiKe%79=rta%5Fab12%5Fs3cr3tS3cr3t', '/v1/stream?apiKey=***'],
    ['/v1/stream?auth=Bearer%20rta_ab12_s3cr3tS3cr3t', '/v1/stream?auth=***'],
    [
      '/v1/stream?channels=events%3Atvl&since=rta%5Fab12%5Fs3cr3tS3cr3t',
      '/v1/stream?channels=events:tvl&since=rta_ab12_***',
    ],
    ['/ws/rta%5fab12%5Fs3cr3tS3cr3t', '/ws/rta_ab12_***'],
    ['/%FF/rta%5Fab12%5Fs3cr3tS3cr3t', '/%FF/rta_ab12_***'],
    ['/x?rta_ab12_s3cr3tS3cr3t', '/x?…=***'],
    ['/x?%72ta_ab12_s3cr3tS3cr3t=1&limit=5', '/x?…=***&limit=5'],
    ['/x', '/x'],
    ['', ''],
  ])('logs the URL %s as %s', (url, shown) => expect(loggedAddress(url)).toBe(shown));
});
