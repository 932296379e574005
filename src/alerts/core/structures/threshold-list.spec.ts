import { describe, expect, it } from 'vitest';
import { ThresholdList } from './threshold-list.js';

describe('the sorted list of rule thresholds', () => {
  it('finds all entries in a range after any order of insertions and removals', () => {
    const list = new ThresholdList();
    const held = new Map<number, number>();
    let state = 1;
    const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
    const inRange = (low: number, high: number): number[] => {
      const found: number[] = [];
      list.visit(low, high, (leaf) => found.push(leaf));
      return found.sort((a, b) => a - b);
    };
    for (let leaf = 0; leaf < 12_000; leaf += 1) {
      const value = random(500);
      list.insert(value, leaf);
      held.set(leaf, value);
      if (random(4) > 0) continue;
      const gone = random(leaf + 1);
      const at = held.get(gone);
      if (at === undefined || !held.delete(gone)) continue;
      list.remove(at, gone);
    }
    expect(list.size).toBe(held.size);
    for (const [low, high] of [
      [-Infinity, Infinity],
      [100, 100],
      [499, 600],
      [17.5, 23],
    ] as const) {
      const wanted = [...held].filter(([, value]) => value >= low && value <= high).map(([leaf]) => leaf);
      expect(inRange(low, high)).toEqual(wanted);
    }
    for (const value of [-5, 0, 17.5, 250, 251.25, 499, 1_000]) {
      const bounds = { low: -Infinity, high: Infinity };
      list.narrow(bounds, value);
      const thresholds = [...new Set(held.values())];
      const below = Math.max(-Infinity, ...thresholds.filter((threshold) => threshold <= value));
      const above = Math.min(Infinity, ...thresholds.filter((threshold) => threshold >= value));
      expect(bounds).toEqual({ low: below, high: above });
    }
  });
});
