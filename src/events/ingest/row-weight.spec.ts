import fc from 'fast-check';
import { expect, it } from 'vitest';
import { partsOf, weightOf } from './row-weight.js';

it('the estimated size of an ingest row is at least the total length of its nested texts', () => {
  const letters = (value: unknown): number =>
    typeof value === 'string'
      ? value.length
      : Object.entries(Object(value)).reduce((sum, [name, entry]) => sum + name.length + letters(entry), 0);
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const names = Array.isArray(value) ? 0 : letters(value);
      expect(weightOf(value)).toBeGreaterThanOrEqual(names);
    }),
  );
  expect(weightOf({ about: { text: 'x'.repeat(1_000), list: ['y'.repeat(500)] } })).toBeGreaterThanOrEqual(1_500);
});

it('splitting ingest rows keeps their order and fills each part up to the count or size limit', () => {
  const rows = fc.array(fc.record({ weight: fc.nat(50), id: fc.nat() }), { maxLength: 60 });
  fc.assert(
    fc.property(rows, (given) => {
      const parts = [...partsOf(given, { most: 5, heaviest: 100 })];
      expect(parts.flat()).toEqual(given);
      const weighed = parts.map((part) => part.reduce((sum, { weight }) => sum + weight, 0));
      expect(parts.every((part, n) => part.length <= 5 && (weighed[n] ?? 0) <= 100)).toBe(true);
      const isFull = parts.map(
        (part, n) => part.length === 5 || (weighed[n] ?? 0) + (parts[n + 1]?.[0]?.weight ?? 101) > 100,
      );
      expect(isFull).not.toContain(false);
    }),
  );
  expect([...partsOf([{ weight: 200 }, { weight: 1 }], { most: 5, heaviest: 100 })]).toHaveLength(2);
});
