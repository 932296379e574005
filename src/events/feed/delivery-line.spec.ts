import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { LogEvent } from '../core/log-event.js';
import { DeliveryLine } from './delivery-line.js';

const events = Array.from({ length: 5_000 }, (_, index) => ({ seq: index + 1 }) as LogEvent);

function hold(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe('the delivery line', () => {
  it('delivers a few events at once', () => {
    const delivered: number[] = [];
    const line = new DeliveryLine((part) => delivered.push(...part.map(({ seq }) => seq)));
    expect(line.add(events.slice(0, 3))).toBe(true);
    expect(delivered).toEqual([1, 2, 3]);
    expect(line.last).toBeUndefined();
  });

  it('delivers many events in order, in parts of a few milliseconds, between which other work runs', async () => {
    const delivered: number[] = [];
    const line = new DeliveryLine((part) => {
      delivered.push(...part.map(({ seq }) => seq));
      hold(part.length * 0.05); // as if each event reached a few hundred connections
    });
    line.add(events.slice(0, 1_000));
    expect(line.last?.seq).toBe(1_000);
    line.add(events.slice(1_000, 1_200));
    let turns = 0;
    let longestTurn = 0;
    while (line.last !== undefined) {
      const before = delivered.length;
      await nextTurn();
      longestTurn = Math.max(longestTurn, delivered.length - before);
      turns += 1;
    }
    expect(delivered).toEqual(events.slice(0, 1_200).map(({ seq }) => seq));
    expect(turns).toBeGreaterThan(5);
    expect(longestTurn).toBeLessThan(300);
  });

  it('is long while thousands of events wait, and not for a few, nor once they are delivered or dropped', async () => {
    const seen = new Set<boolean>();
    const line = new DeliveryLine((part) => {
      seen.add(line.isLong);
      hold(part.length * 0.05);
    });
    line.add(events.slice(0, 20));
    expect([...seen]).toEqual([false]);
    line.add(events);
    expect(line.isLong).toBe(true);
    await line.emptied();
    expect(line.isLong).toBe(false);
    line.add(events);
    line.clear();
    expect(line.isLong).toBe(false);
  });

  it('adds events that a listener publishes behind those that wait', async () => {
    const delivered: number[] = [];
    const line = new DeliveryLine((part) => {
      if (delivered.length === 0) line.add(events.slice(600, 601));
      delivered.push(...part.map(({ seq }) => seq));
    });
    line.add(events.slice(0, 600));
    await line.emptied();
    expect(delivered).toEqual(events.slice(0, 601).map(({ seq }) => seq));
  });

  it('takes no further events while thousands wait, and is emptied once they are delivered or dropped', async () => {
    let delivered = 0;
    const line = new DeliveryLine((part) => {
      delivered += part.length;
      hold(1);
    });
    line.add(events);
    for (let batch = 0; batch < 3; batch += 1) line.add(events);
    expect(line.add(events)).toBe(false);
    const emptied = line.emptied();
    line.clear();
    await emptied;
    const before = delivered;
    await nextTurn();
    expect(delivered).toBe(before);
    expect(line.last).toBeUndefined();
  });
});
