import { describe, expect, it } from 'vitest';
import { TvlTotal } from './tvl-total.js';

describe('the total TVL of a protocol', () => {
  it('is the sum of real chains, and the `all` value only if no real chain is known', () => {
    const total = new TvlTotal();
    expect(total.value).toBeNaN();
    expect([total.set('staking', 5), total.value]).toEqual([false, NaN]);
    expect([total.set('all', 7), total.value]).toEqual([true, 7]);
    expect([total.set('ethereum', 2), total.value]).toEqual([true, 2]);
    expect([total.set('all', 9), total.value]).toEqual([false, 2]);
    expect([total.set('bsc', 3), total.set('ethereum-borrowed', 1), total.value]).toEqual([true, false, 5]);
    expect([total.set('ethereum', 4), total.value]).toEqual([true, 7]);
  });

  it('is exactly the same number in whatever order the chains arrive', () => {
    const chains = [0.1, 0.2, 0.3, 1e17, 0.7, 3.3].map((value, n) => [`chain${n}`, value] as const);
    const totalOf = (order: typeof chains): number => {
      const total = new TvlTotal();
      for (const [chain, value] of order) total.set(chain, value);
      return total.value;
    };
    expect(totalOf(chains.toReversed())).toBe(totalOf(chains));
    expect(totalOf([...chains.slice(3), ...chains.slice(0, 3)])).toBe(totalOf(chains));
  });
});
