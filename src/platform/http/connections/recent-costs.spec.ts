import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RecentCosts } from './recent-costs.js';

describe('recent costs', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => vi.useRealTimers());

  it('add up by name and are forgotten after ten to twenty seconds', () => {
    const costs = new RecentCosts();
    costs.add('a', 1);
    vi.advanceTimersByTime(9_000);
    costs.add('a', 2);
    costs.add('b', 4);
    expect([costs.of('a'), costs.of('b'), costs.of('c')]).toEqual([3, 4, 0]);
    vi.advanceTimersByTime(9_000);
    expect(costs.of('a')).toBe(3);
    vi.advanceTimersByTime(11_000);
    expect(costs.of('a')).toBe(0);
  });
});
