import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { QueryAdmission } from './query-admission.js';
import type { Arrivals } from './arrivals.js';
import type { QueryPool } from './query-pool.js';

const SMALL = { rows: 2_000, heavy: false };
const LARGE = { rows: 140_000, heavy: false };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const admissionOf = (size: number, flow = false) =>
  new QueryAdmission({ size, besideArrivals: 1 } as QueryPool, { flow } as Arrivals, { registry: new Registry() });
const here = () => new AbortController().signal;
const lasting = (ms: number) => (): Promise<string> =>
  new Promise((resolve) => {
    setTimeout(() => resolve('ran'), ms);
  });

describe('the admission of queries to the database', () => {
  it('runs 600 waiting small queries after many slow large queries', async () => {
    const admission = admissionOf(2);
    const before = Array.from({ length: 20 }, () => admission.run(LARGE, 10_000, here(), lasting(150)));
    const crowd = Array.from({ length: 600 }, () => admission.run(SMALL, 10_000, here(), lasting(5)));
    await vi.runAllTimersAsync();
    expect(await Promise.all(before)).toHaveLength(20);
    expect(new Set(await Promise.all(crowd))).toEqual(new Set(['ran']));
  });

  it('refuses a query immediately if its turn would come too late, with a time to retry', async () => {
    const admission = admissionOf(2);
    const crowd = Array.from({ length: 300 }, () => admission.run(LARGE, 10_000, here(), lasting(150)));
    const settled = Promise.allSettled(crowd);
    await expect(crowd.at(-1)).rejects.toMatchObject({ code: 'unavailable', retryAfterMs: expect.any(Number) });
    await vi.runAllTimersAsync();
    const outcomes = await settled;
    const ran = outcomes.filter(({ status }) => status === 'fulfilled').length;
    // Ten seconds of work for two connections at the initial pace.
    expect(ran).toBeGreaterThan(50);
    expect(ran).toBeLessThan(200);
  });

  it('ignores the cost of queries whose callers have left', async () => {
    const admission = admissionOf(1);
    const leaving = new AbortController();
    const held = admission.run(SMALL, 10_000, here(), lasting(1_000));
    const left = Array.from({ length: 30 }, () => admission.run(LARGE, 10_000, leaving.signal, lasting(150)));
    leaving.abort(new Error('left'));
    for (const one of await Promise.allSettled(left)) expect(one.status).toBe('rejected');
    const next = admission.run(LARGE, 2_000, here(), lasting(150));
    await vi.runAllTimersAsync();
    expect(await Promise.all([held, next])).toEqual(['ran', 'ran']);
  });

  it('runs queries of other keys while one key has several long queries', async () => {
    const admission = admissionOf(2);
    const started: string[] = [];
    const ask = (key: string, heavy: boolean, ms: number) =>
      admission.run(
        { rows: heavy ? 200_000 : 2_000, heavy },
        20_000,
        here(),
        () => {
          started.push(key);
          return lasting(ms)();
        },
        key,
      );
    const greedy = Array.from({ length: 4 }, () => ask('greedy', true, 29_000));
    void Promise.allSettled(greedy);
    const modest = [ask('modest', true, 100), ask('small', false, 10)];
    await vi.advanceTimersByTimeAsync(2_500);
    expect(await Promise.all(modest)).toEqual(['ran', 'ran']);
    expect(started.filter((key) => key === 'greedy')).toHaveLength(1);
    await vi.runAllTimersAsync();
  });

  describe('while changes arrive', () => {
    it('alternates small and large queries, one at a time', async () => {
      const admission = admissionOf(2, true);
      let [running, most] = [0, 0];
      const ended: string[] = [];
      const ask = (name: string, heavy: boolean, ms: number) =>
        admission.run({ rows: 1_000, heavy }, 10_000, here(), async () => {
          running += 1;
          most = Math.max(most, running);
          await lasting(ms)();
          running -= 1;
          ended.push(name);
        });
      const all = [
        ...Array.from({ length: 3 }, () => ask('large', true, 1_000)),
        ...Array.from({ length: 30 }, () => ask('small', false, 50)),
      ];
      await vi.runAllTimersAsync();
      await Promise.all(all);
      expect(most).toBe(1);
      expect(ended.indexOf('small')).toBe(1);
      // Waits until the large query has ended and the next large one has run.
      expect(ended.indexOf('large', 1)).toBe(21);
    });

    it('runs other queries beside a very long query', async () => {
      const admission = admissionOf(2, true);
      const long = admission.run(LARGE, 30_000, here(), lasting(60_000));
      const other = admission.run(SMALL, 30_000, here(), lasting(10));
      await vi.advanceTimersByTimeAsync(6_000);
      expect(await other).toBe('ran');
      await vi.runAllTimersAsync();
      expect(await long).toBe('ran');
    });
  });
});
