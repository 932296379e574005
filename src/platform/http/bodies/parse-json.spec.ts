import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../errors/domain-error.js';
import { parseJson } from './parse-json.js';

const parse = (text: string): Promise<unknown> => parseJson(Buffer.from(text));

const refusal = (text: string | Buffer): Promise<string> =>
  parseJson(Buffer.from(text)).then(
    () => 'accepted',
    (error: unknown) => (error instanceof DomainError ? error.code : String(error)),
  );

const nested = (depth: number, open: string, close: string): string => `${open.repeat(depth)}1${close.repeat(depth)}`;
const object = (fields: number): string =>
  `{${Array.from({ length: fields }, (_, n) => `"field, {${n}":[1,{"a":2}]`).join(',')}}`;
const list = (items: number, item = '1'): string => `[${Array<string>(items).fill(item).join(',')}]`;

describe('a JSON body', () => {
  it('is parsed like `JSON.parse` does, in one piece or in many', async () => {
    const long = fc.array(fc.json({ maxDepth: 3 }), { minLength: 1, maxLength: 5 }).map((texts) => {
      const items = Array.from({ length: 3_000 }, (_, n) => `{"n":${n},"s":"${'x\\"],['.repeat(8)}"}`);
      return `{"a":${texts[0]}, "items" : [ ${[...items, ...texts].join(' , ')} ],"more":[${items.join()}],"b":null}`;
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.json(), long), async (text) => {
        expect(await parse(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 60 },
    );
    const outermost = list(9_000, '{"observed":"2026-01-01T00:00:00Z"}');
    expect(await parse(outermost)).toEqual(JSON.parse(outermost));
  });

  it('may start with a byte order mark and must be valid UTF-8', async () => {
    expect(await parse('\uFEFF{"a":1}')).toEqual({ a: 1 });
    expect(await refusal(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toBe('invalid_request');
  });

  it.each([
    ['nested 32 deep', nested(32, '[', ']'), 'accepted'],
    ['nested 33 deep', nested(33, '[', ']'), 'limit_exceeded'],
    ['objects nested 33 deep', nested(33, '{"a":', '}'), 'limit_exceeded'],
    ['never closed', '['.repeat(500_000), 'limit_exceeded'],
    ['an object of 200 fields', object(200), 'accepted'],
    ['an object of 201 fields', object(201), 'invalid_request'],
    ['600,000 fields', object(600_000), 'invalid_request'],
    ['a list of 10,000 items', list(10_000), 'accepted'],
    ['a list of 10,001 items', list(10_001), 'limit_exceeded'],
    ['10,001 items of a member', `{"items":${list(10_001, '{}')}}`, 'limit_exceeded'],
    ['10,000 items of a member, long enough to be cut', `{"items":${list(10_000, '"0123456789abcdef"')}}`, 'accepted'],
    ['a value of more than a mebibyte', `{"items":["${'x'.repeat(1_100_000)}",1]}`, 'payload_too_large'],
    ['a long list given twice', `{"a":${list(9_000, '"0123456789abcdef"')},"a":[1]}`, 'invalid_request'],
    ['a long list that something replaces', `{"a":${list(9_000, '"0123456789abcdef"')},"a":2}`, 'invalid_request'],
    [
      'a long list with a fault in its middle',
      `{"a":${list(9_000, '"0123456789abcdef"').replace('",', '" ')}}`,
      'invalid_request',
    ],
    [
      'a long list with a comma at its end',
      `{"a":${list(9_000, '"0123456789abcdef"').replace(']', ',]')}}`,
      'invalid_request',
    ],
    ['brackets that do not match', '{"a":[1}]', 'invalid_request'],
    ['closed too often', ']'.repeat(100), 'invalid_request'],
    ['white space', ' \n ', 'invalid_request'],
  ])('is accepted or refused according to its shape: %s', async (_what, text, expected) => {
    expect(await refusal(text)).toBe(expected);
  });

  it('keeps a member named `__proto__` as an ordinary member', async () => {
    const body = (await parse(`{"__proto__":${list(9_000, '"0123456789abcdef"')}}`)) as object;
    expect(Object.keys(body)).toEqual(['__proto__']);
    expect(Array.isArray(body)).toBe(false);
  });

  it('is accepted exactly if `JSON.parse` accepts the text, whatever the bytes', async () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      '\\',
      ',',
      ':',
      '1',
      'null',
      '"a":',
      ' ',
      '\0',
      'é',
      'x'.repeat(40_000),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(pieces, { maxLength: 40 }), async (parts) => {
        const text = parts.join('');
        let native = true;
        try {
          JSON.parse(text);
        } catch {
          native = false;
        }
        expect((await refusal(text)) === 'accepted').toBe(native);
      }),
      { numRuns: 300 },
    );
  });
});
