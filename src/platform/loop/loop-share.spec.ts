import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LoopShare } from './loop-share.js';

beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => vi.useRealTimers());

describe('a share of the event loop', () => {
  it('may be exceeded once and then requires a pause', () => {
    const share = new LoopShare(0.5, 10);
    share.charge(10);
    expect(share.restMs).toBe(0);
    share.charge(6);
    expect(share.restMs).toBeCloseTo(12);
    vi.advanceTimersByTime(12);
    expect(share.restMs).toBeCloseTo(0);
  });

  it('limits the used time on average over ten seconds', () => {
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

  it('does not accumulate while idle; a negative charge gives time back', () => {
    const share = new LoopShare(0.5, 10);
    vi.advanceTimersByTime(60_000);
    share.charge(30);
    expect(share.restMs).toBeCloseTo(40);
    share.charge(-30);
    expect(share.restMs).toBe(0);
  });

  it('requires a pause of at most one second, however much time is charged', () => {
    const share = new LoopShare(0.5, 10);
    share.charge(1e9);
    expect(share.restMs).toBe(1_000);
  });
});
