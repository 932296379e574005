import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RangeSize, type BlockRange } from './range-size.js';

/** Endpoint that has so many bytes of logs in each block and refuses what its limits say. */
interface Limits {
  readonly bytesPerBlock: number;
  readonly maxBlocks: number;
  readonly maxBytes: number;
  readonly suggests: boolean;
}

function walk(limits: Limits, last: number): { calls: number; refused: number; ranges: BlockRange[] } {
  const size = new RangeSize();
  const ranges: BlockRange[] = [];
  let refused = 0;
  let calls = 0;
  for (let from = 0; from <= last; calls += 1) {
    const range = size.next(from, last);
    const blocks = range.to - range.from + 1;
    const bytes = blocks * limits.bytesPerBlock;
    if (blocks > 1 && (blocks > limits.maxBlocks || bytes > limits.maxBytes)) {
      refused += 1;
      const allowed = Math.min(limits.maxBlocks, Math.max(1, Math.floor(limits.maxBytes / limits.bytesPerBlock)));
      size.tooLarge(range, limits.suggests ? { from, to: from + allowed - 1 } : undefined);
      continue;
    }
    ranges.push(range);
    size.answered(range, bytes);
    from = range.to + 1;
  }
  return { calls, refused, ranges };
}

describe('the length of ranges', () => {
  it('grows by half while answers are small, up to the maximum', () => {
    const size = new RangeSize({ start: 100, max: 200 });
    size.answered(size.next(0, 10_000), 0);
    expect(size.blocks).toBe(150);
    size.answered(size.next(100, 10_000), 0);
    expect(size.blocks).toBe(200);
    size.answered(size.next(250, 10_000), 0);
    expect(size.blocks).toBe(200);
  });

  it('halves when a range is too large, and says when a single block is', () => {
    const size = new RangeSize({ start: 4 });
    expect(size.tooLarge({ from: 0, to: 3 })).toBe(true);
    expect(size.blocks).toBe(2);
    expect(size.tooLarge({ from: 0, to: 1 })).toBe(true);
    expect(size.tooLarge({ from: 0, to: 0 })).toBe(false);
    expect(size.blocks).toBe(1);
  });

  it('keeps to the suggested range until many full ranges were answered', () => {
    const size = new RangeSize({ start: 5_000 });
    size.tooLarge({ from: 10, to: 5_009 }, { from: 10, to: 1_009 });
    for (let answers = 0; answers < 49; answers += 1) size.answered({ from: 0, to: 999 }, 0);
    expect(size.blocks).toBe(1_000);
    size.answered({ from: 0, to: 999 }, 0);
    expect(size.blocks).toBe(1_500);
  });

  it.each([
    ['another start', { from: 11, to: 100 }],
    ['no shorter range', { from: 10, to: 5_009 }],
    ['a range that ends before it starts', { from: 10, to: 9 }],
  ])('halves when the suggestion has %s', (_, suggested) => {
    const size = new RangeSize({ start: 5_000 });
    size.tooLarge({ from: 10, to: 5_009 }, suggested);
    expect(size.blocks).toBe(2_500);
  });

  it('comes near the size of answers that is aimed at', () => {
    const size = new RangeSize();
    for (let calls = 0; calls < 30; calls += 1) size.answered(size.next(0, 1e9), size.blocks * 1_000);
    expect(size.blocks).toBeGreaterThan(600);
    expect(size.blocks).toBeLessThanOrEqual(1_000);
  });

  it('covers every block once with few refused calls, whatever the limits of the endpoint', () => {
    const limits = fc.record({
      bytesPerBlock: fc.integer({ min: 1, max: 3_000_000 }),
      maxBlocks: fc.constantFrom(1, 5, 800, 2_000, 10_000, 1_000_000),
      maxBytes: fc.constantFrom(2_097_152, 10_485_760),
      suggests: fc.boolean(),
    });
    fc.assert(
      fc.property(limits, fc.integer({ min: 0, max: 5_000 }), (given, last) => {
        const { ranges, refused } = walk(given, last);
        expect(ranges.at(-1)?.to).toBe(last);
        expect(ranges.filter(({ from, to }, at) => to < from || from !== (ranges[at - 1]?.to ?? -1) + 1)).toEqual([]);
        expect(refused).toBeLessThanOrEqual(20 + ranges.length / 10);
      }),
    );
  });
});
