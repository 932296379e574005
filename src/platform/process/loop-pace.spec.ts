import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LoopPace } from './loop-pace.js';

describe('`LoopPace`', () => {
  it('names the first failure of a row and the first success after it, and no other run', () => {
    const pace = new LoopPace({ intervalMs: 100 });
    const changes = [pace.succeeded(), pace.failed(), pace.failed(), pace.succeeded(), pace.succeeded(), pace.failed()];
    expect(changes.map(({ change }) => change)).toEqual([
      undefined,
      'failing',
      undefined,
      'recovered',
      undefined,
      'failing',
    ]);
  });

  it('doubles the pause after each failure up to the longest, and begins again after a success', () => {
    const pace = new LoopPace({ intervalMs: 100, retry: { minMs: 500, maxMs: 3_000 } });
    const pauses = [1, 2, 3, 4, 5].map(() => pace.failed().pauseMs);
    expect(pauses).toEqual([500, 1_000, 2_000, 3_000, 3_000]);
    expect(pace.succeeded().pauseMs).toBe(100);
    expect(pace.failed().pauseMs).toBe(500);
  });

  it('lets a ring end every pause but the one of a back-off', () => {
    const [plain, patient] = [{}, { retry: { minMs: 1, maxMs: 2 } }].map(
      (retry) => new LoopPace({ intervalMs: 100, ...retry }),
    );
    expect([plain?.succeeded().ringable, plain?.failed().ringable]).toEqual([true, true]);
    expect([patient?.succeeded().ringable, patient?.failed().ringable]).toEqual([true, false]);
  });

  it('takes the pause that a run asked for, even none', () => {
    const pace = new LoopPace({ intervalMs: 100, jitter: 0.5 }, () => 0.5);
    expect([0, 7, Infinity].map((ms) => pace.succeeded(ms).pauseMs)).toEqual([0, 7, Infinity]);
  });

  it('varies a pause by at most the share `jitter`', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(share, share, (jitter, random) => {
        const { pauseMs } = new LoopPace({ intervalMs: 1_000, jitter }, () => random).succeeded();
        expect(Math.abs(pauseMs - 1_000)).toBeLessThanOrEqual(1_000 * jitter + 1e-6);
      }),
    );
  });
});
