import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnswerSplitter, type RawAnswer } from './answer-splitter.js';

/** Parses a text that arrives in pieces of the given sizes, over and over. */
function parsed(text: string, sizes: readonly number[] = [65_536]): RawAnswer {
  const splitter = new AnswerSplitter();
  const body = Buffer.from(text);
  for (let from = 0, each = 0; from < body.length; each += 1) {
    const size = sizes[each % sizes.length] ?? 1;
    splitter.take(body.subarray(from, from + size));
    from += size;
  }
  return splitter.end();
}

const deep = (depth: number): string => `{"id":1,"result":${'['.repeat(depth)}${']'.repeat(depth)}}`;

describe('the parser of answers in pieces', () => {
  it('gives what JSON.parse gives, whatever the answer and however it is cut', () => {
    const answer = fc.record(
      {
        jsonrpc: fc.constant('2.0'),
        id: fc.jsonValue({ maxDepth: 1 }),
        result: fc.jsonValue({ maxDepth: 8 }),
        error: fc.jsonValue({ maxDepth: 2 }),
      },
      { requiredKeys: ['id'] },
    );
    const space = fc.constantFrom(undefined, 1, '\t');
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(answer, space, sizes, (given, indent, cuts) => {
        const text = JSON.stringify(given, undefined, indent);
        const { id, error, result } = JSON.parse(text) as RawAnswer;
        expect(parsed(text, cuts)).toEqual({ id, error, result });
      }),
      { numRuns: 500 },
    );
  });

  it('reads escaped quotes in pieces of one byte', () => {
    expect(parsed('{"id":[],"result":[["\\""],"\\\\"]}', [1])).toEqual({
      id: [],
      error: undefined,
      result: [['"'], '\\'],
    });
  });

  it('parses lists longer than a group, with texts that look like JSON', () => {
    const result = Array.from({ length: 5_000 }, (_, index) => ({ index, text: `é"],[{\\${index}`, more: [[index]] }));
    const text = JSON.stringify({ jsonrpc: '2.0', result, id: 7 });
    expect(parsed(text, [1_000, 77])).toEqual({ id: 7, error: undefined, result });
  });

  it('reads the first list under result only', () => {
    expect(parsed('{"error":[1],"result":[1,2],"other":[3],"id":1}').result).toEqual([1, 2]);
    expect(parsed('{"id":1,"result":{"result":[1]}}').result).toEqual({ result: [1] });
  });

  it('takes nesting as deep as answers have, and ends at deeper nesting before it is parsed', () => {
    expect(parsed(deep(15)).id).toBe(1);
    const begun = performance.now();
    expect(() => parsed(deep(1_000_000))).toThrow('nests deeper');
    expect(performance.now() - begun).toBeLessThan(100);
  });

  it.each([
    '',
    '[]',
    '"text"',
    'null',
    '{"id":1',
    '{"id":1,"result":[1',
    '{"id":1,"result":[1 2]}',
    '<html>',
    '{}}',
    ']',
  ])('refuses %j', (text) => {
    expect(() => parsed(text)).toThrow(/not valid JSON|no JSON-RPC answer/);
  });

  it('refuses an object that is too large to be parsed at once', () => {
    expect(() => parsed(JSON.stringify({ id: 1, result: { text: 'x'.repeat(600_000) } }))).toThrow(
      'bytes beside a list',
    );
  });
});
