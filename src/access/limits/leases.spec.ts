import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Leases } from './leases.js';

const LIMIT = 100;
let taken: number;
let now: number;
let leases: Leases;

beforeEach(() => {
  [taken, now] = [0, 1_000];
  leases = new Leases(
    async (_, uses) => ({ used: (taken += uses), resetMs: 60_000 }),
    () => now,
  );
});
afterEach(() => vi.restoreAllMocks());

const spend = async (times: number): Promise<number> => {
  let granted = 0;
  for (let n = 0; n < times; n++) granted += Number(await leases.spend('k', LIMIT));
  return granted;
};

describe('local leases on a shared request budget', () => {
  it('fetch a slice of the budget once and then spend the slice synchronously', async () => {
    expect(leases.spend('k', LIMIT)).toBeInstanceOf(Promise);
    await Promise.resolve();
    expect(await spend(1)).toBe(1);
    expect([leases.spend('k', LIMIT), leases.spend('k', LIMIT)]).toEqual([true, true]);
    expect(taken).toBe(5);
  });

  it('refuse locally once the budget is spent, until the next minute begins', async () => {
    expect(await spend(150)).toBe(100);
    expect([leases.spend('k', LIMIT), taken]).toEqual([false, 100]);
    now += 60_001;
    taken = 0;
    expect(await spend(150)).toBe(100);
  });

  it('grant only the part of the budget that other processes have left', async () => {
    taken = 98;
    expect(await spend(10)).toBe(2);
    expect(leases.unused('k')).toBe(0);
  });

  it('discard the unused part of a slice when the minute of the slice ends', async () => {
    await spend(1);
    expect(leases.unused('k')).toBe(4);
    now += 60_001;
    expect(leases.unused('k')).toBe(0);
    await spend(1);
    expect(taken).toBe(10);
  });
});
