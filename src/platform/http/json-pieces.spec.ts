import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLong, jsonPieces } from './json-pieces.js';

const many = (count: number, entry: unknown): unknown[] => Array.from({ length: count }, () => entry);

describe('JSON written in pieces', () => {
  it('equals `JSON.stringify` for any value', () => {
    const odd = fc.constantFrom<unknown>(
      undefined,
      new Date(0),
      () => 1,
      Symbol('s'),
      Number.NaN,
      new Map([[1, 2]]),
      '\ud800',
    );
    const value = fc.oneof(fc.anything({ withNullPrototype: true, withDate: true }), odd);
    const long = fc.array(value, { minLength: 60, maxLength: 80 });
    const body = fc.oneof(fc.array(value), fc.dictionary(fc.string(), fc.oneof(value, long)), long);
    fc.assert(
      fc.property(body, (given) => {
        expect([...jsonPieces(given)].join('')).toBe(JSON.stringify(given));
      }),
    );
  });

  it('splits a long list into many pieces, wherever the list is in the body', () => {
    const row = { protocol: 'aave', chains: ['ethereum'], none: undefined };
    const bodies = [
      many(1_000, row),
      { data: many(1_000, row), page: { next_cursor: null } },
      { chainTvls: { Ethereum: { tvl: many(1_000, row) } } },
      { coins: Object.fromEntries(many(1_000, row).map((coin, index) => [`coin-${index}`, coin])) },
    ];
    for (const body of bodies) {
      const pieces = [...jsonPieces(body)];
      expect(isLong(body)).toBe(true);
      expect(pieces.length).toBeGreaterThan(1_000);
      expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(100);
      expect(pieces.join('')).toBe(JSON.stringify(body));
    }
  });

  it('is not used for short bodies', () => {
    expect([{}, [], null, 'text', { data: many(64, {}) }, { data: { rows: many(20, many(20, 1)) } }].some(isLong)).toBe(
      false,
    );
  });
});
