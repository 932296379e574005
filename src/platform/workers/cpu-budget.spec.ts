import { describe, expect, it } from 'vitest';
import { CpuBudget } from './cpu-budget.js';

describe('a budget of processor time', () => {
  it('lets a key use its budget of a minute in one burst, then returns the time to wait', () => {
    const budget = new CpuBudget(6_000);
    expect(budget.waitMs('a', 0)).toBe(0);
    budget.spend('a', 6_600, 0);
    expect(budget.waitMs('a', 0)).toBe(6_000);
    expect(budget.waitMs('a', 6_000)).toBe(0);
    expect(budget.waitMs('b', 0)).toBe(0);
  });

  it('does not shorten the wait if the clock is set back', () => {
    const budget = new CpuBudget(1_000);
    budget.spend('a', 2_000, 60_000);
    expect(budget.waitMs('a', 0)).toBeGreaterThanOrEqual(budget.waitMs('a', 60_000));
  });
});
