import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lines } from './ingest-body.js';
import { BadItem } from './item-fields.js';
import { PRICE_ITEMS, PROTOCOL_ITEMS, TVL_ITEMS, type ItemKind } from './item-kinds.js';

const NOW = Date.UTC(2026, 0, 1);
const kinds: [string, ItemKind<unknown>, string[]][] = [
  ['tvl', TVL_ITEMS, ['protocol', 'chain', 'tvl', 'source', 'confidence', 'tags', 'observedAt']],
  ['price', PRICE_ITEMS, ['token', 'symbol', 'chain', 'price', 'volume24h', 'marketCap']],
  ['protocol', PROTOCOL_ITEMS, ['slug', 'name', 'category', 'chains', 'url', 'metadata']],
];

describe.each(kinds)('an ingest item of kind `%s`', (_, kind, fields) => {
  const hostile = fc.oneof(
    fc.jsonValue(),
    fc.dictionary(fc.constantFrom(...fields), fc.oneof(fc.jsonValue(), fc.string(), fc.double(), fc.constant('a'))),
  );

  const outcome = (item: unknown): string => {
    try {
      return `row ${kind.key(kind.read(item, NOW)).replace('\n', '/')}`;
    } catch (error) {
      if (error instanceof BadItem) return `rejected ${error.code}`;
      throw error;
    }
  };

  it('becomes either a row with a valid key or a rejection with a code, for any input', () => {
    fc.assert(
      fc.property(hostile, (item) => {
        expect(outcome(item)).toMatch(/^(?:row \S+|rejected [a-z_]+)$/);
      }),
    );
  });
});

describe('the `observedAt` time of an ingest item', () => {
  const at = (observedAt: unknown): number =>
    TVL_ITEMS.read({ protocol: 'p', chain: 'c', tvl: 1, observedAt }, NOW).observedAt;

  it('accepts zoned ISO 8601 or Unix milliseconds up to 5 minutes ahead, and defaults to now', () => {
    expect(at('2025-12-31T23:00:00+01:00')).toBe(NOW - 7_200_000);
    expect(at(NOW + 300_000)).toBe(NOW + 300_000);
    expect(at(null)).toBe(NOW);
    for (const [bad, code] of [
      [NOW + 300_001, 'in_future'],
      ['2025-12-31T23:00:00', 'invalid_format'],
      ['2025-13-31T23:00:00Z', 'invalid_format'],
      [-1, 'invalid_format'],
      [{}, 'invalid_format'],
    ]) {
      expect(() => at(bad)).toThrow(expect.objectContaining({ code }));
    }
  });
});

describe('the lines of a byte stream', () => {
  it('are the same for any chunk size, even if a chunk ends inside a character', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 9 }),
        async (texts, size) => {
          const body = Buffer.from(texts.map((text) => text.replaceAll('\n', ' ')).join('\n'));
          const chunks = Array.from({ length: Math.ceil(body.length / size) }, (_, index) =>
            body.subarray(index * size, (index + 1) * size),
          );
          const stream = (async function* () {
            yield* chunks;
          })();
          const read = [];
          for await (const line of lines(stream)) read.push(line);
          const expected = body
            .toString('utf8')
            .split('\n')
            .map((text) => text.trim());
          expect(read).toEqual(expected.filter((text) => text !== ''));
        },
      ),
    );
  });
});
