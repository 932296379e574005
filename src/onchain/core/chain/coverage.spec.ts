import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blocksMissing, lowestGap, nextGap, type Coverage } from './coverage.js';
import type { BlockRange } from './range-size.js';

/** Ranges of the blocks that are in a set. */
function rangesOf(blocks: ReadonlySet<number>): BlockRange[] {
  const ranges: { from: number; to: number }[] = [];
  for (const block of [...blocks].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last.to === block - 1) last.to = block;
    else ranges.push({ from: block, to: block });
  }
  return ranges;
}

describe('the lowest gap', () => {
  it('is none if every wanted block is covered', () => {
    expect(lowestGap([{ fromBlock: 5, covered: [{ from: 0, to: 9 }] }], 9)).toBeUndefined();
    expect(lowestGap([{ fromBlock: 10, covered: [] }], 9)).toBeUndefined();
    expect(lowestGap([], 9)).toBeUndefined();
  });

  it('ends where another contract begins to lack blocks, too', () => {
    const [early, late] = [
      { fromBlock: 0, covered: [] },
      { fromBlock: 5, covered: [] },
    ];
    expect(lowestGap([early, late], 9)).toEqual({ from: 0, to: 4, contracts: [early] });
    const begun = { fromBlock: 0, covered: [{ from: 0, to: 4 }] };
    expect(lowestGap([begun, late], 9)).toEqual({ from: 5, to: 9, contracts: [begun, late] });
    expect(blocksMissing([begun, late], 9)).toBe(5);
  });

  it('leads every contract to full coverage, and no block is read twice', () => {
    const blocks = fc.uniqueArray(fc.integer({ min: 0, max: 20 }));
    const contract = fc.record({ fromBlock: fc.integer({ min: 0, max: 20 }), blocks });
    fc.assert(
      fc.property(fc.array(contract, { maxLength: 4 }), (given) => {
        const sets = given.map((each) => new Set(each.blocks));
        const coverages = () =>
          given.map(({ fromBlock }, at): Coverage & { at: number } => ({
            at,
            fromBlock,
            covered: rangesOf(sets[at]!),
          }));
        const twice: number[] = [];
        for (let gap = lowestGap(coverages(), 20); gap !== undefined; gap = lowestGap(coverages(), 20)) {
          for (const { at, fromBlock } of gap.contracts)
            for (let block = gap.from; block <= gap.to; block += 1) {
              if (sets[at]!.has(block) || block < fromBlock) twice.push(block);
              sets[at]!.add(block);
            }
        }
        expect(twice).toEqual([]);
        for (const [at, { fromBlock }] of given.entries())
          for (let block = fromBlock; block <= 20; block += 1) expect(sets[at]!.has(block)).toBe(true);
      }),
    );
  });
});

describe('the next gap', () => {
  it('is that of a contract that lacks few blocks, before the lower one of a contract that lacks many', () => {
    const late = { fromBlock: 0, covered: [] };
    const complete = { fromBlock: 0, covered: [{ from: 0, to: 4_990 }] };
    expect(nextGap([late, complete], 5_000)).toEqual({ from: 4_991, to: 5_000, contracts: [complete] });
    expect(nextGap([late, complete], 4_990)).toEqual({ from: 0, to: 4_990, contracts: [late] });
    expect(nextGap([late], 500)).toEqual({ from: 0, to: 500, contracts: [late] });
    expect(nextGap([], 500)).toBeUndefined();
  });
});
