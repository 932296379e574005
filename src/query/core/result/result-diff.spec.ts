import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyed, ResultImage, type KeyedRow } from './result-diff.js';

/** Rows of which some have equal key columns, like single values at the same time. */
const rows = fc
  .array(fc.record({ chain: fc.constantFrom('a', 'b', 'c', 'd', null), tvl: fc.integer({ min: 0, max: 3 }) }))
  .map((given) => keyed(given, ['chain']));

it('rows with equal key columns receive different row keys', () => {
  const time = '2026-01-01T00:00:00.000Z';
  const points = [1, 2, 3].map((tvl) => ({ chain: 'a', time, tvl }));
  const keys = keyed([...points, { chain: 'b', time, tvl: 4 }], ['chain', 'time']).map(({ _key }) => _key);
  expect(keys).toEqual([`["a","${time}"]`, `["a","${time}",1]`, `["a","${time}",2]`, `["b","${time}"]`]);
});

describe('the difference of two results', () => {
  it('turns the first result into the second', () => {
    fc.assert(
      fc.property(rows, rows, (before, after) => {
        const image = new ResultImage(after);
        const diff = new ResultImage(before).diff(after, image) ?? { added: [], changed: [], removed: [] };
        const held = new Map(before.map((row): [string, KeyedRow] => [row._key, row]));
        for (const key of diff.removed) expect(held.delete(key)).toBe(true);
        for (const row of diff.added) expect(held.has(row._key)).toBe(false);
        for (const row of diff.changed) expect(held.has(row._key)).toBe(true);
        for (const row of [...diff.added, ...diff.changed]) held.set(row._key, row);
        expect(new Map(held)).toEqual(new Map(after.map((row) => [row._key, row])));
      }),
    );
  });

  it('is undefined if the same rows are in another order', () => {
    const [first, second] = keyed([{ chain: 'a' }, { chain: 'b' }], ['chain']);
    const before = [first, second].flatMap((row) => row ?? []);
    const after = before.toReversed();
    expect(new ResultImage(before).diff(after, new ResultImage(after))).toBeUndefined();
  });

  it('reports a new row with an existing key as added instead of losing a row', () => {
    const before = keyed([{ time: 1, tvl: 1 }], ['time']);
    const after = keyed(
      [
        { time: 1, tvl: 2 },
        { time: 1, tvl: 1 },
      ],
      ['time'],
    );
    const diff = new ResultImage(before).diff(after, new ResultImage(after));
    expect(diff).toEqual({ added: [after[1]], changed: [after[0]], removed: [] });
  });

  it('distinguishes null from the text `null`', () => {
    const [missing, text] = keyed([{ chain: null }, { chain: 'null' }], ['chain']);
    expect(missing?._key).not.toBe(text?._key);
  });
});
