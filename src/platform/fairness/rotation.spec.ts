import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rotation } from './rotation.js';

describe('a rotation of named queues', () => {
  it('returns one item per name and round, names in the order of their first item', () => {
    const rotation = new Rotation<number>();
    for (const item of [1, 2, 3]) rotation.add('many', item);
    rotation.add('one', 4);
    expect([1, 2, 3, 4].map(() => rotation.next()?.item)).toEqual([1, 4, 2, 3]);
    expect(rotation.isEmpty).toBe(true);
  });

  it('skips a name that is not eligible and keeps its items', () => {
    const rotation = new Rotation<number>();
    rotation.add('held', 1);
    rotation.add('free', 2);
    expect(rotation.next((name) => name !== 'held')).toEqual({ name: 'free', item: 2 });
    expect(rotation.next((name) => name !== 'held')).toBeUndefined();
    expect(rotation.next()).toEqual({ name: 'held', item: 1 });
  });

  it('returns every item once, and no name twice while another name waits', () => {
    const step = fc.oneof(fc.constantFrom('a', 'b', 'c'), fc.constant(undefined));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const rotation = new Rotation<number>();
        const [given, got]: [number[], number[]] = [[], []];
        const passed = new Map<string, number>();
        const take = (): void => {
          const next = rotation.next();
          if (next === undefined) return;
          got.push(next.item);
          for (const [name, count] of passed) passed.set(name, count + 1);
          expect(passed.get(next.name)).toBeLessThanOrEqual(3);
          passed.set(next.name, 0);
        };
        steps.forEach((name, index) => {
          if (name === undefined) return take();
          if (!given.some((item) => !got.includes(item) && steps[item] === name)) passed.set(name, 0);
          given.push(index);
          rotation.add(name, index);
        });
        while (!rotation.isEmpty) take();
        expect(got.toSorted((a, b) => a - b)).toEqual(given);
      }),
    );
  });

  it('gives the item of the cheapest name on request, the newest of several', () => {
    const rotation = new Rotation<number>();
    expect(rotation.cheapest(() => 0)).toBeUndefined();
    for (const [item, name] of ['a', 'b', 'c', 'b'].entries()) rotation.add(name, item);
    const costs = new Map([['a', 3]]);
    const got = Array.from({ length: 4 }, () => rotation.cheapest((name) => costs.get(name) ?? 1)?.item);
    expect(got).toEqual([2, 1, 3, 0]);
    expect(rotation.isEmpty).toBe(true);
  });
});
