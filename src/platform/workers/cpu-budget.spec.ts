import { describe, expect, it } from 'vitest';
import { CpuBudget } from './cpu-budget.js';

describe('a budget of processor time', () => {
  it('lets a key spend its minute in one burst, then says how long to wait', () => {
    const budget = new CpuBudget(6_000);
    expect(budget.waitMs('a', 0)).toBe(0);
    budget.spend('a', 6_600, 0);
    expect(budget.waitMs('a', 0)).toBe(6_000);
    expect(budget.waitMs('a', 6_000)).toBe(0);
    expect(budget.waitMs('b', 0)).toBe(0);
  });

  it('never gives back time when the clock steps back', () => {
    const budget = new CpuBudget(1_000);
    budget.spend('a', 2_000, 60_000);
    expect(budget.waitMs('a', 0)).toBeGreaterThanOrEqual(budget.waitMs('a', 60_000));
  });
});
