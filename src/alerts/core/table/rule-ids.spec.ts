import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RuleIds } from './rule-ids.js';

const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 2 ** 31);

/** Few different ids, so that ids are removed and added again; some only look like UUIDs. */
const id = fc.oneof(
  { weight: 6, arbitrary: fc.nat(400).map((n) => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`) },
  { weight: 2, arbitrary: fc.uuid() },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '',
      'rule',
      '00000000-0000-4000-8000-00000000000A',
      '00000000-0000-4000-8000-00000000000g',
      '00000000_0000-4000-8000-000000000000',
      '00000000-0000-4000-8000-00000000000é',
    ),
  },
);

describe('the index of rule ids', () => {
  it(`maps ids to row numbers and back after any additions and removals (seed ${seed})`, () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(id, fc.boolean()), { minLength: 1, maxLength: 600, size: 'max' }), (steps) => {
        const ids = new RuleIds();
        const rows = new Map<string, number>();
        const free: number[] = [];
        for (const [text, isAdded] of steps) {
          const row = rows.get(text);
          expect([ids.row(text), row === undefined ? text : ids.id(row)]).toEqual([row, text]);
          if (row === undefined && isAdded) {
            const taken = free.pop() ?? rows.size;
            ids.add(text, taken);
            rows.set(text, taken);
          } else if (row !== undefined && !isAdded) {
            ids.remove(row);
            rows.delete(text);
            free.push(row);
          }
        }
        expect(ids.size).toBe(rows.size);
        for (const [text, row] of rows) expect([ids.row(text), ids.id(row)]).toEqual([row, text]);
      }),
      { numRuns: 60, seed },
    );
  });
});
