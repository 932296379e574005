import { expect, it } from 'vitest';
import { BurstLimit } from './burst-limit.js';

it('a burst of one is limited in each period, and others are not', () => {
  const limit = new BurstLimit(2, 1_000);
  const allowed = (at: number): boolean[] => ['u', 'u', 'u', 'v'].map((who) => limit.allows(who, at));
  expect(allowed(0)).toEqual([true, true, false, true]);
  expect(allowed(999)).toEqual([false, false, false, true]);
  expect(allowed(1_000)).toEqual([true, true, false, true]);
});
