import { describe, expect, it } from 'vitest';
import { Budget } from './budget.js';

describe('`Budget`', () => {
  it('is exceeded by the 21st message if 20 are allowed within the window', () => {
    const budget = new Budget(20, 60_000);
    const verdicts = Array.from({ length: 21 }, (_, index) => budget.isExceededBy(index * 100));
    expect(verdicts.indexOf(true)).toBe(20);
  });

  it('ignores messages older than the window', () => {
    const budget = new Budget(2, 1_000);
    expect([0, 500, 1_000, 1_499, 3_000].map((now) => budget.isExceededBy(now))).toEqual([
      false,
      false,
      false,
      true,
      false,
    ]);
  });
});
