import { expect, it } from 'vitest';
import { LiveBudget } from './live-budget.js';
import { LiveQuery } from './live-query.js';
import { LiveTurns } from './live-turns.js';

const dependencies = { dataset: 'tvl', movesWithTime: false } as const;
const live = (key: string, id = key) =>
  new LiveQuery(id, dependencies, 0, () => Promise.resolve({ rows: [], cursor: '' }), key);

it('a key with many live queries keeps one place free; the key with less use runs first', () => {
  const turns = new LiveTurns();
  const many = Array.from({ length: 20 }, (_, index) => live('greedy', `g${index}`));
  const first = turns.choose(many);
  expect(first).toHaveLength(2);
  for (const query of first) turns.begin(query);
  const other = live('modest');
  expect(turns.choose([...many, other])).toEqual([other]);
  for (const query of first) turns.end(query, 700);
  expect(turns.choose([...many, other])[0]).toBe(other);
});

it('a live query without a result runs before the refresh of another live query', async () => {
  const turns = new LiveTurns();
  const shown = live('quiet');
  await shown.refresh(0);
  const fresh = live('busy');
  turns.begin(fresh);
  turns.end(fresh, 10_000);
  expect(turns.choose([shown, fresh])[0]).toBe(fresh);
});

it('the live queries of one key share a row limit, and a removed query frees its part', () => {
  const budget = new LiveBudget();
  expect(() => budget.check('a', 'huge', 2_000_001)).toThrow(/at most 2000000/);
  for (const id of ['1', '2', '3']) {
    budget.check('a', id, 1_600_000);
    budget.add('a', id, 1_600_000);
  }
  expect(() => budget.check('a', '4', 1_600_000)).toThrow(/of one key/);
  expect(() => budget.check('a', '1', 1_600_000)).not.toThrow();
  expect(() => budget.check('b', '4', 1_600_000)).not.toThrow();
  budget.remove('a', '2');
  expect(() => budget.check('a', '4', 1_600_000)).not.toThrow();
});
