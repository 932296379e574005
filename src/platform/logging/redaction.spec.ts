import { describe, expect, it } from 'vitest';
import { redact } from './redaction.js';

describe('redact', () => {
  it.each([
    ['a key anywhere', '{"msg":"used rta_ab12_s3cr3tS3cr3t-_x today"}', '{"msg":"used rta_ab12_*** today"}'],
    ['a key in an address', '{"url":"/v1/stream?apiKey=anything&a=1"}', '{"url":"/v1/stream?apiKey=***&a=1"}'],
    ['other names for it', '"/x?a=1&api_key=abc&token=def"', '"/x?a=1&api_key=***&token=***"'],
    ['a signed token', '"Bearer eyJhbGci.eyJzdWIi.c2ln-bmF0"', '"Bearer ***"'],
    ['a password in an address', '"postgres://rta:hunter2@db:5432/x"', '"postgres://rta:***@db:5432/x"'],
  ])('cuts out %s', (_what, line, expected) => {
    expect(redact(line)).toBe(expected);
  });

  it('leaves everything else as it is', () => {
    const line = '{"role":"rta_app","url":"http://host:8080/v1/x?chain=ethereum","time":"2026-11-21T02:00:00.000Z"}';
    expect(redact(line)).toBe(line);
  });
});
