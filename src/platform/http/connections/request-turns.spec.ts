import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { RequestTurns } from './request-turns.js';

/** Keeps the loop busy, ms. */
function work(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end) Math.hypot(1, 2);
}

describe('turns of requests', () => {
  it('start a request immediately while the turn has time left', () => {
    const turns = new RequestTurns();
    const begun: number[] = [];
    for (let n = 0; n < 100; n += 1) turns.run('a', () => begun.push(n));
    expect(begun).toHaveLength(100);
  });

  it('defer the remaining requests to later event loop turns, addresses alternating, losing none', async () => {
    const turns = new RequestTurns();
    const begun: string[] = [];
    for (let n = 0; n < 40; n += 1) {
      turns.run('many', () => {
        begun.push('many');
        work(2);
      });
    }
    turns.run('one', () => begun.push('one'));
    expect(begun.length).toBeLessThan(10);
    let loops = 0;
    while (begun.length < 41 && loops < 1_000) {
      loops += 1;
      await nextTurn();
    }
    expect(loops).toBeGreaterThan(3);
    expect(begun).toHaveLength(41);
    expect(begun.indexOf('one')).toBeLessThan(10);
  });

  it('include the time of promise callbacks of a request', async () => {
    const turns = new RequestTurns();
    const perTurn: number[] = [0];
    const request = async (): Promise<void> => {
      await Promise.resolve();
      work(5);
      perTurn.push((perTurn.pop() ?? 0) + 1);
    };
    turns.run('a', () => work(10));
    for (let n = 0; n < 12; n += 1) turns.run('a', () => void request());
    for (let loop = 0; loop < 60; loop += 1) {
      await nextTurn();
      perTurn.push(0);
    }
    expect(perTurn.reduce((sum, count) => sum + count, 0)).toBe(12);
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(3);
  });
});
