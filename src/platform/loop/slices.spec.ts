import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { notePresent, runFor } from '../fairness/working-for.js';
import { eachInSlices, nameOf, Turns, type Kind } from './slices.js';

function* forMs(ms: number): Generator<number> {
  const end = performance.now() + ms;
  while (performance.now() < end) yield 1;
}

describe('work in slices', () => {
  it('lets a caller with one piece finish early beside a caller with fifty pieces', async () => {
    const order: string[] = [];
    const work = (caller: string, ms: number): Promise<void> =>
      runFor(caller, async () => {
        await eachInSlices(forMs(ms), () => undefined);
        order.push(caller);
      });
    const greedy = Array.from({ length: 50 }, () => work('greedy', 1));
    await work('modest', 1);
    expect(order.filter((caller) => caller === 'greedy').length).toBeLessThan(10);
    await Promise.all(greedy);
    expect(order).toHaveLength(51);
  });

  it('gives the answers of one caller a limited share of the loop, and delays no other work', async () => {
    const from = performance.now();
    const before = process.threadCpuUsage();
    let isDone = false;
    const long = runFor('long', () => eachInSlices(forMs(600), () => undefined, 'answers')).then(() => (isDone = true));
    while (performance.now() - from < 300) {
      notePresent('short');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const { user, system } = process.threadCpuUsage(before);
    expect(isDone).toBe(false);
    expect((user + system) / 1_000).toBeLessThan(250);
    const asked = performance.now();
    await runFor('short', () => eachInSlices([1], () => undefined, 'answers'));
    await runFor('long', () => eachInSlices([1], () => undefined));
    await eachInSlices([1], () => undefined);
    expect(performance.now() - asked).toBeLessThan(60);
    await long;
  });

  it('does not limit the answers of a caller while nobody else has work', async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const from = performance.now();
    await runFor('long', () => eachInSlices(forMs(300), () => undefined, 'answers'));
    expect(performance.now() - from).toBeLessThan(700);
  });
});

describe('turns of limited work', () => {
  /** Time that slices have taken, ms. */
  let workedMs = 0;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout', 'setImmediate'] });
    const elapsed = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => elapsed() + workedMs);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  /** Lets endless work of each caller take slices of 4 ms for a second; returns the time that each got, ms. */
  async function timesOf(kind: Kind, callers: readonly string[], beside?: (turns: Turns) => void): Promise<number[]> {
    const turns = new Turns();
    const usedMs = callers.map(() => 0);
    const endMs = performance.now() + 1_000;
    const work = async (caller: string, index: number): Promise<void> => {
      while (performance.now() < endMs) {
        await turns.next(nameOf(kind, caller));
        usedMs[index] = (usedMs[index] ?? 0) + 4;
        workedMs += 4;
      }
    };
    callers.forEach((caller, index) => void work(caller, index));
    while (performance.now() < endMs) {
      notePresent('clients');
      beside?.(turns);
      await vi.advanceTimersByTimeAsync(1);
    }
    return usedMs;
  }

  const sum = (all: readonly number[]): number => all.reduce((total, one) => total + one, 0);
  const fifty = Array.from({ length: 50 }, (_, index) => `caller ${index}`);

  // Each turn of the simulated loop takes a millisecond besides the slice, so that a little less than the share is used.
  it('the long answers of one caller fill a fifth of the loop', async () => {
    const [usedMs] = await timesOf('answers', ['one']);
    expect(usedMs).toBeGreaterThan(160);
    expect(usedMs).toBeLessThan(220);
  });

  it.each(['answers', 'catchUps'] as const)('the %s of fifty callers fill half of it, in equal parts', async (kind) => {
    const usedMs = await timesOf(kind, fifty);
    expect(sum(usedMs)).toBeGreaterThan(400);
    expect(sum(usedMs)).toBeLessThan(530);
    expect(Math.max(...usedMs) - Math.min(...usedMs)).toBeLessThanOrEqual(4);
  });

  it('other work beside the answers of fifty callers waits for a few slices at most', async () => {
    const waitsMs: number[] = [];
    let isWaiting = false;
    const post = async (turns: Turns): Promise<void> => {
      isWaiting = true;
      const askedMs = performance.now();
      await turns.next('poster');
      waitsMs.push(performance.now() - askedMs);
      isWaiting = false;
    };
    await timesOf('answers', fifty, (turns) => {
      if (!isWaiting) void post(turns);
    });
    expect(waitsMs.length).toBeGreaterThan(50);
    expect(Math.max(...waitsMs)).toBeLessThan(60);
  });
});
