import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Metrics } from '../metrics/metrics.js';
import { waitFor } from '../../../test/support/wait-for.js';
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

describe('the event loop guard', () => {
  it('measures the longest turn and reports its cause', async () => {
    await sleep(30);
    guard.run('subscribe', () => compute(60));
    await sleep(40);
    expect(guard.longest.cause).toBe('subscribe');
    expect(guard.longest.ms).toBeGreaterThanOrEqual(55);
    expect(await metrics.registry.metrics()).toMatch(/event_loop_long_turns_total\{cause="subscribe"\} 1/);
  });

  it('reports work that spans several turns as the cause of a long turn', async () => {
    await sleep(30);
    const work = guard.begin(() => 'POST /v1/alerts/rules');
    await sleep(10);
    compute(60);
    guard.end(work);
    await sleep(40);
    expect(guard.longestSinceStart.cause).toBe('POST /v1/alerts/rules');
  });

  it('reports `start` as the cause of an unnamed long turn just after the start', async () => {
    await sleep(30);
    compute(60);
    await sleep(40);
    expect(guard.longest.cause).toBe('start');
  });

  it('reports the garbage collection time of a long turn separately', async () => {
    await sleep(30);
    const kept: number[][] = [];
    guard.run('allocate', () => {
      for (let round = 0; round < 300; round += 1) kept.push(Array.from({ length: 10_000 }, () => Math.random()));
      // Collections do not count as part of the turn: without them, it must still be a long one.
      compute(60);
    });
    await waitFor(() => guard.longest.cause !== 'none');
    const { cause, gcMs } = guard.longest;
    expect(kept).toHaveLength(300);
    expect(cause).toBe('allocate');
    expect(gcMs).toBeGreaterThan(1);
  });

  it('clears its measurements on `reset`', async () => {
    await sleep(30);
    compute(60);
    await sleep(40);
    guard.reset();
    expect(guard.longest.ms).toBe(0);
    expect(guard.longestSinceStart.ms).toBe(0);
  });
});
