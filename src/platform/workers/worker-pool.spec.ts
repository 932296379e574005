import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Metrics } from '../metrics/metrics.js';
import { TaskFault, WorkerPool } from './worker-pool.js';
import { workerTask } from './worker-task.js';
import type { TrialInput } from './trial-task.fixture.js';

const LIMITS = { lane: 'short', timeoutMs: 10_000, cpuMsPerMinute: 60_000 } as const;
const trial = (limits: { timeoutMs?: number; cpuMsPerMinute?: number } = {}) =>
  workerTask<TrialInput, string>(import.meta.url, './trial-task.fixture', 'trial', { ...LIMITS, ...limits });

let pool: WorkerPool;
beforeAll(() => void (pool = new WorkerPool(new Metrics())));
afterAll(() => pool.onApplicationShutdown());

describe('the pool of worker threads', () => {
  it('runs a task and returns a copy of its result', async () => {
    expect(await pool.run(trial(), { do: 'echo', text: 'é😀' }, { key: 'a' })).toBe('é😀');
  });

  it.each(['throw', 'throw elsewhere'] as const)(
    'returns the name and message of an error thrown by a task (%s)',
    async (what) => {
      const running = pool.run(trial(), { do: what, text: 'line 3' }, { key: 'a' });
      await expect(running).rejects.toSatisfy(
        (error) => error instanceof TaskFault && error.kind === 'RangeError' && error.message === 'line 3',
      );
    },
  );

  it('ends a task at its timeout and runs the next task', async () => {
    const running = pool.run(trial({ timeoutMs: 300 }), { do: 'spin', text: '' }, { key: 'spinner' });
    await expect(running).rejects.toMatchObject({ code: 'limit_exceeded' });
    expect(await pool.run(trial(), { do: 'echo', text: 'next' }, { key: 'spinner' })).toBe('next');
  });

  it('ends a task if its caller aborts', async () => {
    const caller = new AbortController();
    const running = pool.run(trial(), { do: 'spin', text: '' }, { key: 'a', signal: caller.signal });
    setTimeout(() => caller.abort(new Error('the caller has gone')), 100);
    await expect(running).rejects.toThrow('the caller has gone');
  });

  it('counts the time of a cancelled task against the budget of its key', async () => {
    const task = trial({ cpuMsPerMinute: 20 });
    const caller = new AbortController();
    const running = pool.run(task, { do: 'spin', text: '' }, { key: 'quitter', signal: caller.signal });
    setTimeout(() => caller.abort(new Error('gone')), 100);
    await expect(running).rejects.toThrow('gone');
    const again = pool.run(task, { do: 'echo', text: '' }, { key: 'quitter' });
    await expect(again).rejects.toMatchObject({ code: 'rate_limited' });
  });

  it('refuses a key over its budget with the time to wait, and serves other keys', async () => {
    const task = trial({ cpuMsPerMinute: 20 });
    await pool.run(task, { do: 'burn', text: '' }, { key: 'poor' });
    const again = pool.run(task, { do: 'echo', text: '' }, { key: 'poor' });
    await expect(again).rejects.toMatchObject({ code: 'rate_limited', retryAfterMs: expect.any(Number) });
    expect(await pool.run(task, { do: 'echo', text: 'rich' }, { key: 'rich' })).toBe('rich');
  });

  it('ends a task that uses too much memory and runs the next task', async () => {
    const running = pool.run(trial({ timeoutMs: 60_000 }), { do: 'hoard', text: '' }, { key: 'hoarder' });
    await expect(running).rejects.toMatchObject({ code: 'limit_exceeded' });
    expect(await pool.run(trial(), { do: 'echo', text: 'next' }, { key: 'a' })).toBe('next');
  }, 60_000);
});
