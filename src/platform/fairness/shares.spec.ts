import { afterEach, describe, expect, it, vi } from 'vitest';
import { Shares } from './shares.js';

const late = (): Error => new Error('late');
afterEach(() => vi.useRealTimers());

/** Requests a place many times for each caller. Returns the callers in the order in which they obtained places. */
function enterMany(shares: Shares, caller: string, count: number, order: string[]): (() => void)[] {
  const places: (() => void)[] = [];
  const enter = async (): Promise<void> => {
    try {
      const leave = await shares.enter(caller, late);
      order.push(caller);
      places.push(leave);
    } catch {
      order.push(`${caller} late`);
    }
  };
  for (let index = 0; index < count; index += 1) void enter();
  return places;
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a limited number of places shared by callers', () => {
  it('give one caller at most half, and keep the other half free for other callers', async () => {
    const shares = new Shares({ places: 8, waitMs: 1_000 });
    const order: string[] = [];
    const places = enterMany(shares, 'greedy', 100, order);
    await settled();
    expect(order).toHaveLength(4);
    enterMany(shares, 'other', 1, order);
    await settled();
    expect(order.at(-1)).toBe('other');
    places.forEach((leave) => leave());
    await settled();
    expect(order.filter((caller) => caller === 'greedy')).toHaveLength(8);
  });

  it('give one caller fewer than half if the bound per caller is lower', async () => {
    const shares = new Shares({ places: 8, perCaller: 2, waitMs: 1_000 });
    const order: string[] = [];
    enterMany(shares, 'greedy', 100, order);
    enterMany(shares, 'other', 100, order);
    await settled();
    expect(order).toEqual(['greedy', 'greedy', 'other', 'other']);
  });

  it('are given to callers in turn when all places are taken', async () => {
    const shares = new Shares({ places: 2, waitMs: 1_000 });
    const order: string[] = [];
    const places = ['a', 'b', 'a', 'c'].map((caller) => enterMany(shares, caller, 2, order));
    for (let round = 0; round < 8; round += 1) {
      await settled();
      places.find((held) => held.length > 0)?.shift()?.();
    }
    await settled();
    expect(order).toHaveLength(8);
    expect(new Set(order.slice(0, 4))).toEqual(new Set(['a', 'b', 'c']));
  });

  it('are refused to a caller that waits too long; the next caller gets the place', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const shares = new Shares({ places: 1, waitMs: 1_000 });
    const order: string[] = [];
    const places = enterMany(shares, 'a', 2, order);
    await settled();
    vi.advanceTimersByTime(1_001);
    await settled();
    expect(order).toEqual(['a', 'a late']);
    enterMany(shares, 'b', 1, order);
    places[0]?.();
    await settled();
    expect(order).toEqual(['a', 'a late', 'b']);
  });
});
