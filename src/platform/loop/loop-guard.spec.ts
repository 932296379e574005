import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Metrics } from '../metrics/metrics.js';
import { LoopGuard } from './loop-guard.js';

let metrics: Metrics;
let guard: LoopGuard;
beforeEach(() => {
  metrics = new Metrics();
  guard = new LoopGuard(metrics);
  guard.watch();
});
afterEach(() => guard.onApplicationShutdown());

/** Computes until the thread has used that much processor time. */
function compute(ms: number): void {
  const { user: before } = process.threadCpuUsage();
  while (process.threadCpuUsage().user - before < ms * 1_000) Math.hypot(Math.random(), 1);
}

describe('the guard of the event loop', () => {
  it('measures the longest turn and names its cause', async () => {
    await sleep(30);
    guard.run('subscribe', () => compute(60));
    await sleep(40);
    expect(guard.longest.cause).toBe('subscribe');
    expect(guard.longest.ms).toBeGreaterThanOrEqual(55);
    expect(await metrics.registry.metrics()).toMatch(/event_loop_long_turns_total\{cause="subscribe"\} 1/);
  });

  it('names work that goes on over several turns', async () => {
    await sleep(30);
    const work = guard.begin(() => 'POST /v1/alerts/rules');
    await sleep(10);
    compute(60);
    guard.end(work);
    await sleep(40);
    expect(guard.longestSinceStart.cause).toBe('POST /v1/alerts/rules');
  });

  it('names what has no name just after the start by that', async () => {
    await sleep(30);
    compute(60);
    await sleep(40);
    expect(guard.longest.cause).toBe('start');
  });

  it('tells the garbage collection of a turn apart', async () => {
    await sleep(30);
    const kept: number[][] = [];
    guard.run('allocate', () => {
      for (let round = 0; round < 300; round += 1) kept.push(Array.from({ length: 10_000 }, () => Math.random()));
    });
    await sleep(40);
    const { cause, gcMs } = guard.longest;
    expect(kept).toHaveLength(300);
    expect(cause).toBe('allocate');
    expect(gcMs).toBeGreaterThan(1);
  });

  it('forgets on request', async () => {
    await sleep(30);
    compute(60);
    await sleep(40);
    guard.reset();
    expect(guard.longest.ms).toBe(0);
    expect(guard.longestSinceStart.ms).toBe(0);
  });
});
