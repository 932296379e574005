import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Metrics } from '../metrics/metrics.js';
import type { Settings } from '../settings/settings.js';
import { BackgroundLoop, type LoopTask } from './background-loop.js';
import { BackgroundLoops } from './background-loops.js';

const lines: string[] = [];
let runs: number[] = [];
let loop: BackgroundLoop;

function start(task: Omit<LoopTask, 'name'>): void {
  loop = new BackgroundLoop({ name: 'test', ...task });
  loop.start();
}

beforeEach(() => {
  vi.useFakeTimers();
  for (const level of ['warn', 'log', 'debug'] as const)
    vi.spyOn(Logger.prototype, level).mockImplementation((...texts: unknown[]) => {
      lines.push(`${level} ${String(texts.at(-1))}`);
    });
});

afterEach(async () => {
  await loop.stop();
  vi.useRealTimers();
  vi.restoreAllMocks();
  lines.length = 0;
  runs = [];
});

const note = (): void => void runs.push(performance.now());
const since = (begun: number): number[] => runs.map((at) => at - begun);
const after = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe('a background loop', () => {
  it('runs at once and then after each pause; further starts have no effect', async () => {
    const begun = performance.now();
    start({ intervalMs: 100, run: note });
    loop.start();
    await after(250);
    expect(since(begun)).toEqual([0, 100, 200]);
  });

  it('runs later for the first time if so configured, and earlier if rung', async () => {
    const begun = performance.now();
    start({ intervalMs: 100, isDelayed: true, run: note });
    await after(50);
    loop.ring();
    await after(99);
    expect(since(begun)).toEqual([50]);
    await after(1);
    expect(since(begun)).toEqual([50, 150]);
    await loop.stop();
    start({ intervalMs: 100, isDelayed: true, run: note });
    await after(100);
    expect(since(begun)).toEqual([50, 150, 250]);
  });

  it('runs once more after the run in progress if rung during it, and never twice at a time', async () => {
    let under = 0;
    start({
      intervalMs: 10_000,
      run: async () => {
        expect(++under).toBe(1);
        note();
        await new Promise((done) => setTimeout(done, 100));
        under--;
      },
    });
    const begun = performance.now();
    loop.ring();
    loop.ring();
    await after(500);
    expect(since(begun)).toEqual([0, 100]);
  });

  it('keeps its shortest interval although it is rung', async () => {
    const begun = performance.now();
    start({ intervalMs: 1_000, minIntervalMs: 100, run: note });
    await after(10);
    loop.ring();
    await after(89);
    expect(since(begun)).toEqual([0]);
    loop.ring();
    await after(500);
    expect(since(begun)).toEqual([0, 100, 200]);
  });

  it('rests until rung if a run asks for it', async () => {
    start({
      intervalMs: 1,
      run: () => {
        note();
        return Infinity;
      },
    });
    await after(1_000_000);
    expect(runs).toHaveLength(1);
    loop.ring();
    await after(0);
    expect(runs).toHaveLength(2);
  });

  it('logs the first failure with its error, and the recovery', async () => {
    const failing = [true, true, false, false, true];
    start({
      intervalMs: 100,
      run: () => {
        if (failing.shift() === true) throw new Error('down');
      },
    });
    await after(300);
    expect(lines).toEqual(['warn background loop failed; retrying', 'log background loop recovered']);
    expect(vi.mocked(Logger.prototype.warn).mock.calls[0]?.[0]).toEqual({ err: new Error('down'), loop: 'test' });
    await after(100);
    expect(lines).toHaveLength(3);
  });

  it('waits out the pause of its back-off although it is rung', async () => {
    const begun = performance.now();
    start({
      intervalMs: 10,
      retry: { minMs: 1_000, maxMs: 8_000 },
      logLevel: 'debug',
      run: () => {
        note();
        throw new Error('down');
      },
    });
    await after(1);
    loop.ring();
    await after(3_998);
    expect(since(begun)).toEqual([0, 1_000, 3_000]);
    expect(lines).toEqual(['debug background loop failed; retrying']);
  });

  it('aborts the run in progress at a stop and waits for its end; nothing is logged or run after it', async () => {
    let ended = false;
    start({
      intervalMs: 0,
      run: async (stop) => {
        note();
        await new Promise((done) => stop.addEventListener('abort', done));
        await new Promise((done) => setTimeout(done, 50));
        ended = true;
        throw stop.reason;
      },
    });
    await after(10);
    const stopped = loop.stop();
    await after(50);
    await stopped;
    loop.ring();
    loop.start();
    await after(1_000);
    expect([ended, runs.length, lines]).toEqual([true, 1, []]);
  });

  it('can be stopped during a pause, during a back-off and before its start', async () => {
    start({ intervalMs: 1_000, run: note });
    await loop.stop();
    start({ intervalMs: 1_000, retry: { minMs: 1_000, maxMs: 1_000 }, run: () => Promise.reject(new Error('down')) });
    await after(1);
    await loop.stop();
    loop = new BackgroundLoop({ name: 'test', intervalMs: 1_000, run: note });
    await loop.stop();
    loop.start();
    await after(5_000);
    expect(runs).toHaveLength(1);
  });
});

describe('`BackgroundLoops`', () => {
  it('measures runs and failures by loop', async () => {
    const metrics = new Metrics();
    const loops = new BackgroundLoops(metrics, { role: 'all' } as Settings);
    loop = loops.loop({ name: 'test', intervalMs: 100, run: () => Promise.reject(new Error('down')) });
    loop.start();
    await after(150);
    const text = await metrics.registry.metrics();
    expect(text).toContain('background_loop_seconds_count{loop="test"} 2');
    expect(text).toContain('background_loop_failures_total{loop="test"} 2');
  });

  it('starts a loop of workers in every role but `gateway`', async () => {
    for (const role of ['gateway', 'worker', 'all'] as const) {
      const loops = new BackgroundLoops(new Metrics(), { role } as Settings);
      loop = loops.loop({ name: 'test', intervalMs: 100, onlyOn: 'worker', run: note });
      loop.start();
      await loop.stop();
    }
    expect(runs).toHaveLength(2);
  });
});
