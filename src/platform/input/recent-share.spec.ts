import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RecentShare } from './recent-share.js';

it('a share counts what was added in its window, and nothing older', () => {
  const share = new RecentShare(300_000);
  share.add(1, 2, 0);
  share.add(0, 3, 200_000);
  expect(share.at(200_000)).toEqual({ part: 1, whole: 5 });
  expect(share.at(300_000)).toEqual({ part: 0, whole: 3 });
  expect(share.at(900_000)).toEqual({ part: 0, whole: 0 });
});

it('a share equals a naive sum over the slots of its window', () => {
  const step = fc.record({ after: fc.nat(40_000), part: fc.nat(5), more: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.nat(400_000), (steps, rest) => {
      const share = new RecentShare(300_000);
      let now = 0;
      const added = steps.map(({ after, part, more }) => {
        now += after;
        share.add(part, part + more, now);
        return { at: now, part, whole: part + more };
      });
      const end = now + rest;
      const slot = (at: number): number => Math.floor(at / 10_000);
      const recent = added.filter(({ at }) => slot(at) > slot(end) - 30);
      const sum = (of: 'part' | 'whole'): number => recent.reduce((total, each) => total + each[of], 0);
      expect(share.at(end)).toEqual({ part: sum('part'), whole: sum('whole') });
    }),
  );
});
