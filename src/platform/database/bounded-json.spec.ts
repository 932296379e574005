import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_LEVELS, parseBoundedJson } from './bounded-json.js';

const OMITTED = '{"omitted":"too_deep"}';
const objects = (levels: number, inside = '1'): string => '{"a":'.repeat(levels) + inside + '}'.repeat(levels);
const arrays = (levels: number, inside = ''): string => '['.repeat(levels) + inside + ']'.repeat(levels);
const written = (text: string): string => JSON.stringify(parseBoundedJson(text));

describe('a JSON value from the database', () => {
  it('is the same as with `JSON.parse` if it has few levels', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (text) => {
        expect(written(text)).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
    for (const text of ['null', '1', `"${'['.repeat(500)}"`, objects(MAX_LEVELS), arrays(MAX_LEVELS)]) {
      expect(written(text)).toBe(text);
    }
  });

  it('loses only what is nested deeper than the limit, at any depth that PostgreSQL stores', () => {
    expect(written(objects(MAX_LEVELS + 1))).toBe(objects(MAX_LEVELS, OMITTED));
    expect(written(objects(12_000))).toBe(objects(MAX_LEVELS, OMITTED));
    expect(written(arrays(30_000))).toBe(arrays(MAX_LEVELS, OMITTED));
    expect(written(`{"shallow":[1,{"b":null}],"deep":${arrays(9_000)},"last":true}`)).toBe(
      `{"shallow":[1,{"b":null}],"deep":${arrays(MAX_LEVELS - 1, OMITTED)},"last":true}`,
    );
  });

  it('keeps the prototype of its objects, whatever their keys are', () => {
    const text = `{"__proto__":${objects(100)}}`;
    const value = Object(parseBoundedJson(text));
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(written(text.replaceAll('"a"', '"__proto__"'))).toContain(OMITTED);
  });
});
