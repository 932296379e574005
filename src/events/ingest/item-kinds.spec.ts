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

describe.each(kinds)('a %s item', (_, kind, fields) => {
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

  it('is either a row with a clean key or a rejection with a code, whatever it holds', () => {
    fc.assert(
      fc.property(hostile, (item) => {
        expect(outcome(item)).toMatch(/^(?:row \S+|rejected [a-z_]+)$/);
      }),
    );
  });
});

describe('the time of an observation', () => {
  const at = (observedAt: unknown): number =>
    TVL_ITEMS.read({ protocol: 'p', chain: 'c', tvl: 1, observedAt }, NOW).observedAt;

  it('is ISO 8601 with a zone or Unix milliseconds, at most five minutes ahead, else now', () => {
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

describe('the lines of a stream', () => {
  it('are the same wherever its chunks end, also inside a character', async () => {
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
