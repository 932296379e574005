import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LoopShare } from './loop-share.js';

beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => vi.useRealTimers());

describe('a share of the loop', () => {
  it('may be used ahead, and is then waited for', () => {
    const share = new LoopShare(0.5, 10);
    share.charge(10);
    expect(share.restMs).toBe(0);
    share.charge(6);
    expect(share.restMs).toBeCloseTo(12);
    vi.advanceTimersByTime(12);
    expect(share.restMs).toBeCloseTo(0);
  });

  it('is what is used of the loop in the long run', () => {
    const share = new LoopShare(0.25, 10);
    let used = 0;
    for (let ms = 0; ms < 10_000; ms += 1) {
      if (share.restMs === 0) {
        share.charge(5);
        used += 5;
      }
      vi.advanceTimersByTime(1);
    }
    expect(used).toBeGreaterThan(2_450);
    expect(used).toBeLessThan(2_550);
  });

  it('is not saved up, and is given back when work turns out to be of another class', () => {
    const share = new LoopShare(0.5, 10);
    vi.advanceTimersByTime(60_000);
    share.charge(30);
    expect(share.restMs).toBeCloseTo(40);
    share.charge(-30);
    expect(share.restMs).toBe(0);
  });

  it('never locks out for longer than a second, however much is charged', () => {
    const share = new LoopShare(0.5, 10);
    share.charge(1e9);
    expect(share.restMs).toBe(1_000);
  });
});
