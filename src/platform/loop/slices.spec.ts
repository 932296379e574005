import { describe, expect, it } from 'vitest';
import { notePresent, runFor } from '../fairness/working-for.js';
import { eachInSlices } from './slices.js';

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
