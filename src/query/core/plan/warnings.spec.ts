import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nearestName } from './nearest-name.js';
import { parseQuery } from '../parse/parse-query.js';
import { warningsOf } from './warnings.js';

const known = {
  protocol: new Set(['uniswap-v3', 'aave', 'lido']),
  chain: new Set(['ethereum', 'base']),
  token: new Set(['bitcoin']),
  category: new Map([['dexs', 'Dexs']]),
};
const warned = (body: object) =>
  [...warningsOf(parseQuery(body), known)].flatMap((warning) =>
    warning ? [[warning.field, warning.code, warning.meant]] : [],
  );

function found(given: string, names: readonly string[]): string | undefined {
  const looking = nearestName(given, names);
  for (;;) {
    const step = looking.next();
    if (step.done === true) return step.value;
  }
}

it('an unknown name in a query causes a warning with a similar known name', () => {
  expect(
    warned({
      filters: {
        protocols: ['uniswap-v33', 'aave', 'nothing-like-it'],
        chains: ['etherium'],
        categories: ['dex', 'DEXS'],
      },
    }),
  ).toEqual([
    ['protocol', 'unknown_name', 'uniswap-v3'],
    ['protocol', 'unknown_name', undefined],
    ['chain', 'unknown_name', 'ethereum'],
    ['category', 'unknown_name', 'Dexs'],
  ]);
  expect(warned({ dataset: 'prices', where: { not: { field: 'token', op: 'eq', value: 'bitcion' } } })).toEqual([
    ['token', 'unknown_name', 'bitcoin'],
  ]);
  expect(warned({ where: { field: 'chain', op: 'in', value: ['all', 'base'] } })).toEqual([]);
  expect(warned({ dataset: 'events', filters: { protocols: ['nobody'] } })).toEqual([]);
});

it('a filter for a change beyond 1 causes a warning because it looks like percent', () => {
  for (const body of [
    { filters: { change_7d: { max: -30 } } },
    { where: { field: 'change_7d', op: 'lte', value: -30 } },
  ]) {
    expect(warned(body)).toEqual([['change_7d', 'not_a_fraction', undefined]]);
  }
  expect(warned({ filters: { change_24h: { min: -1, max: 1 } } })).toEqual([]);
});

it('a query causes at most ten warnings', () => {
  const protocols = Array.from({ length: 500 }, (_, index) => `nobody-${index}`);
  expect(warned({ filters: { protocols } })).toHaveLength(10);
});

it.each([
  ['etherum', 'ethereum'],
  ['ehtereum', 'ethereum'],
  ['Uniswap', 'uniswap-v3'],
  ['x', undefined],
  ['', undefined],
  ['completely different', undefined],
])('the known name nearest to "%s" is %s', (given, meant) => {
  expect(found(given, ['ethereum', 'uniswap-v3', 'base'])).toBe(meant);
});

/** Computes the complete table of edit distances, as in textbooks. */
function naiveEdits(from: string, to: string): number {
  const table = Array.from({ length: from.length + 1 }, (_, i) =>
    Array.from({ length: to.length + 1 }, (__, j) => (i === 0 ? j : i)),
  );
  for (let i = 1; i <= from.length; i++) {
    for (let j = 1; j <= to.length; j++) {
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      table[i]![j] = Math.min(
        table[i - 1]![j]! + 1,
        table[i]![j - 1]! + 1,
        table[i - 1]![j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1),
        swapped ? table[i - 2]![j - 2]! + 1 : Infinity,
      );
    }
  }
  return table[from.length]![to.length]!;
}

it('a name counts as similar by edit distance, compared with a textbook implementation', () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(name, name, (given, other) => {
      const [short, long] = given.length < other.length ? [given, other] : [other, given];
      const allowed = Math.min(2, Math.floor(short.length / 2));
      const isNear = naiveEdits(given, other) <= allowed || (short.length >= 3 && long.startsWith(short));
      expect(found(given, [other])).toBe(isNear ? other : undefined);
    }),
    { numRuns: 1_000 },
  );
});

it('the search for a similar name among 100,000 names is split into steps', () => {
  const names = Array.from({ length: 100_000 }, (_, index) => `token-${index}`);
  const body = { dataset: 'prices', where: { field: 'token', op: 'in', value: ['tokne-1', 'nobody'] } };
  const steps = [...warningsOf(parseQuery(body), { ...known, token: new Set(names) })];
  expect(steps.filter((step) => step === undefined).length).toBeGreaterThanOrEqual(200);
});

it.each([undefined, null, '0.5', -0.1, 1.1, Number.NaN])(
  'a percentile with p = %s is refused with the allowed range',
  (p) => {
    const body = { aggregations: [{ field: 'tvl', operation: 'percentile', ...(p !== undefined && { p }) }] };
    expect(() => parseQuery(body)).toThrow(/p must be a number between 0 and 1/);
  },
);

it('a `like` pattern with an unfinished escape at its end is refused', () => {
  const like = (value: string) => () => parseQuery({ where: { field: 'name', op: 'like', value } });
  for (const pattern of ['a\\', '\\\\\\', 'x\n\\']) expect(like(pattern)).toThrow(/must not end/);
  for (const pattern of ['%100\\%%', 'a\\\\', '', '\\_']) expect(like(pattern)).not.toThrow();
});
