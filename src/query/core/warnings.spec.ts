import { expect, it } from 'vitest';
import { nearestName } from './nearest-name.js';
import { parseQuery } from './parse-query.js';
import { warningsOf } from './warnings.js';

const known = () => ({
  protocol: new Set(['uniswap-v3', 'aave', 'lido']),
  chain: new Set(['ethereum', 'base']),
  token: new Set(['bitcoin']),
  category: new Map([['dexs', 'Dexs']]),
});
const warned = (body: object) =>
  warningsOf(parseQuery(body), known).map(({ field, code, meant }) => [field, code, meant]);

it('names that nothing is known of are warned of, with the name that is perhaps meant', () => {
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

it('a change beyond one is warned of, for it looks like percent', () => {
  for (const body of [
    { filters: { change_7d: { max: -30 } } },
    { where: { field: 'change_7d', op: 'lte', value: -30 } },
  ]) {
    expect(warned(body)).toEqual([['change_7d', 'not_a_fraction', undefined]]);
  }
  expect(warned({ filters: { change_24h: { min: -1, max: 1 } } })).toEqual([]);
});

it('there are at most ten warnings', () => {
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
])('%s is perhaps %s', (given, meant) => {
  expect(nearestName(given, ['ethereum', 'uniswap-v3', 'base'])).toBe(meant);
});

it.each([undefined, null, '0.5', -0.1, 1.1, Number.NaN])(
  'a percentile of p %s is refused, naming what it must be',
  (p) => {
    const body = { aggregations: [{ field: 'tvl', operation: 'percentile', ...(p !== undefined && { p }) }] };
    expect(() => parseQuery(body)).toThrow(/p must be a number between 0 and 1/);
  },
);

it('a pattern that ends in an open escape is refused', () => {
  const like = (value: string) => () => parseQuery({ where: { field: 'name', op: 'like', value } });
  for (const pattern of ['a\\', '\\\\\\', 'x\n\\']) expect(like(pattern)).toThrow(/must not end/);
  for (const pattern of ['%100\\%%', 'a\\\\', '', '\\_']) expect(like(pattern)).not.toThrow();
});
