import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Column } from '../sql/relation.js';
import { ResultRows, type PackedRows } from './result-rows.js';

const COLUMNS: readonly Column[] = [
  { name: 'time', type: 'time' },
  { name: 'chain', type: 'text' },
  { name: 'tvl', type: 'number' },
  { name: 'tags', type: 'texts' },
  { name: 'metadata', type: 'json' },
];

const orNull = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null });
const given = fc.array(
  fc.tuple(
    orNull(fc.integer({ min: 0, max: 4_000_000_000_000 })),
    orNull(fc.constantFrom('', 'ethereum', 'base', '\u{1F980}', 'ﬁ')),
    orNull(fc.double({ noNaN: true, noDefaultInfinity: true })),
    orNull(fc.array(fc.string(), { maxLength: 3 })),
    orNull(fc.jsonValue()),
    fc.constant('what comes behind'),
  ),
  { maxLength: 40 },
);

const plain = (rows: readonly (readonly unknown[])[]) =>
  rows.map(([time, chain, tvl, tags, metadata]) => ({
    time: typeof time === 'number' ? new Date(time).toISOString() : null,
    chain,
    tvl,
    tags,
    metadata,
  }));

describe('the rows of a query result', () => {
  it('are unchanged as objects, as JSON and after packing for Redis', async () => {
    await fc.assert(
      fc.asyncProperty(given, fc.nat(40), fc.nat(40), async (rows, from, count) => {
        const result = ResultRows.of(COLUMNS, rows);
        expect(JSON.stringify(result.slice())).toBe(JSON.stringify(plain(rows)));
        const text = await result.text(from, from + count);
        expect(text.parts.join('')).toBe(JSON.stringify(plain(rows.slice(from, from + count))));
        const unpacked = ResultRows.unpack(JSON.parse(JSON.stringify(result)) as PackedRows);
        expect(await unpacked.text(from, from + count)).toEqual(text);
        expect(unpacked.bytes).toBe(result.bytes);
      }),
    );
  });

  it('are returned in another order by `inOrder`', () => {
    const rows = [3, 1, 2].map((tvl) => [0, `chain-${tvl}`, tvl, null, null]);
    const sorted = ResultRows.of(COLUMNS, rows).inOrder(Uint32Array.of(1, 2, 0));
    expect(sorted.slice().map(({ chain }) => chain)).toEqual(['chain-1', 'chain-2', 'chain-3']);
  });

  it('are serialised once per page', async () => {
    const rows = ResultRows.of(COLUMNS, [[0, 'ethereum', 1, null, null]]);
    expect(rows.text(0, 1)).toBe(rows.text(0, 1));
    expect((await rows.text(0, 1)).digest).not.toBe((await rows.text(0, 0)).digest);
  });

  it('count their memory, including large values', () => {
    const large = ResultRows.of(COLUMNS, [[0, 'e', 1, null, { note: 'x'.repeat(10_000) }]]);
    expect(large.bytes).toBeGreaterThan(20_000);
    expect(ResultRows.of([], []).bytes).toBe(0);
  });
});
