import { describe, expect, it } from 'vitest';
import { FairTurns, type Waiting } from './fair-turns.js';
import type { Lane } from './worker-task.js';

function stage(slots = 2) {
  const turns = new FairTurns({ slots, maxWaitingOfKey: 4, maxWaiting: 100 });
  const running: Waiting[] = [];
  const add = (key: string, lane: Lane = 'short'): boolean => {
    const work: Waiting = { key, lane, start: () => void running.push(work) };
    return turns.add(work, 0);
  };
  const end = (key: string, cpuMs: number): void => {
    const index = running.findIndex((work) => work.key === key);
    const [work] = running.splice(index, 1);
    if (work !== undefined) turns.end(work, cpuMs, 0);
  };
  return { turns, running, add, end, keys: () => running.map(({ key }) => key) };
}

describe('fair turns of keys', () => {
  it('leave one slot free for other keys, however much work one key adds', () => {
    const { add, keys } = stage();
    for (let count = 0; count < 3; count += 1) add('greedy');
    expect(keys()).toEqual(['greedy']);
    add('modest');
    expect(keys()).toEqual(['greedy', 'modest']);
  });

  it('start the work of the key that has used the least processor time', () => {
    const { add, end, keys } = stage();
    add('greedy');
    add('other');
    add('greedy');
    add('new');
    end('greedy', 500);
    expect(keys()).toEqual(['other', 'new']);
    end('new', 1);
    expect(keys()).toEqual(['other', 'greedy']);
  });

  it('keep one slot free of long work', () => {
    const { add, keys } = stage();
    add('a', 'long');
    add('b', 'long');
    expect(keys()).toEqual(['a']);
    add('c', 'short');
    expect(keys()).toEqual(['a', 'c']);
  });

  it('run long work even if there is only one slot', () => {
    const { add, keys } = stage(1);
    add('a', 'long');
    expect(keys()).toEqual(['a']);
  });

  it('refuse work beyond the waiting limit of one key and accept work of other keys', () => {
    const { add } = stage();
    const taken = Array.from({ length: 6 }, () => add('greedy'));
    expect(taken).toEqual([true, true, true, true, true, false]);
    expect(add('other')).toBe(true);
  });

  it('let waiting work be removed; a second removal returns false', () => {
    const { turns, running, add } = stage(1);
    add('a');
    const late: Waiting = { key: 'b', lane: 'short', start: () => void running.push(late) };
    turns.add(late, 0);
    expect(turns.remove(late)).toBe(true);
    expect(turns.remove(late)).toBe(false);
    expect(turns.waiting).toBe(0);
  });

  it('forget the processor time used by a key after some time', () => {
    const { turns, running } = stage(1);
    const work = (key: string): Waiting => {
      const made: Waiting = { key, lane: 'short', start: () => void running.push(made) };
      return made;
    };
    const first = work('busy-long-ago');
    turns.add(first, 0);
    turns.end(first, 1_000, 0);
    const holder = work('holder');
    turns.add(holder, 0);
    turns.add(work('recent'), 0);
    turns.add(work('busy-long-ago'), 0);
    turns.end(holder, 5, 600_000);
    expect(running.map(({ key }) => key)).toEqual(['busy-long-ago', 'holder', 'recent']);
  });
});
