import { describe, expect, it } from 'vitest';
import type { LogEvent } from '../core/log-event.js';
import { Ring } from './ring.js';

const ringWith = (from: number, to: number): Ring => {
  const ring = new Ring(10, 1_000);
  for (let seq = from; seq <= to; seq++) ring.push({ seq, data: null } as LogEvent);
  return ring;
};
const numbers = (events: readonly LogEvent[] | undefined): number[] | undefined => events?.map((event) => event.seq);

describe('the ring buffer of recent events', () => {
  it('returns the events after a position, up to the limit', () => {
    expect(numbers(ringWith(5, 9).after(4, 3, 9))).toEqual([5, 6, 7]);
    expect(numbers(ringWith(5, 9).after(7, 30, 9))).toEqual([8, 9]);
    expect(numbers(ringWith(5, 9).after(9, 30, 9))).toEqual([]);
  });

  it('returns `undefined` for a position whose next events were overwritten', () => {
    const ring = ringWith(1, 25);
    expect(ring.after(14, 5, 25)).toBeUndefined();
    expect(numbers(ring.after(15, 100, 25))).toEqual([16, 17, 18, 19, 20, 21, 22, 23, 24, 25]);
  });

  it('returns `undefined` after it was cleared, until a new event is added', () => {
    const ring = ringWith(1, 5);
    ring.clear();
    expect(ring.after(3, 5, 5)).toBeUndefined();
    ring.push({ seq: 90, data: null } as LogEvent);
    expect(numbers(ring.after(89, 5, 90))).toEqual([90]);
  });

  it('keeps only as many large events as fit into its budget, the newest', () => {
    const large = (seq: number, length: number): LogEvent =>
      ({ seq, data: { changes: [{ a: 'x'.repeat(length) }] } }) as never;
    const ring = new Ring(10, 1_000);
    for (let seq = 1; seq <= 5; seq++) ring.push(large(seq, 400));
    expect(ring.after(2, 10, 5)).toBeUndefined();
    expect(numbers(ring.after(3, 10, 5))).toEqual([4, 5]);

    ring.push(large(6, 2_000));
    expect(ring.after(5, 10, 6)).toBeUndefined();
    for (let seq = 7; seq <= 30; seq++) ring.push({ seq, data: null } as LogEvent);
    expect(ring.after(19, 10, 30)).toBeUndefined();
    expect(numbers(ring.after(20, 30, 30))).toEqual([21, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
  });
});
