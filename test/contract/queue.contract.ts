import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from 'bullmq';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DomainError } from '../../src/platform/errors/domain-error.js';
import { waitFor } from '../support/wait-for.js';
import { queueProcess, type Numbered, type QueueProcess, type QueueServer, type Work } from './queue-parts.js';

const WORKER = join(import.meta.dirname, 'queue-worker.mjs');
/** Time longer than a lock and the interval of the check for lost jobs, on a busy machine. */
const TAKEN_OVER_MS = 60_000;

/** Behaviour that queues must have, wherever the jobs are stored. */
export function queueContract(store: string, open: () => Promise<QueueServer>): void {
  describe(`queues on ${store}`, { timeout: 3 * TAKEN_OVER_MS }, () => {
    let server: QueueServer;
    let here: QueueProcess;
    let working: QueueProcess[] = [];
    let name = '';
    let tests = 0;
    let children: ChildProcess[] = [];
    let done: number[];

    beforeAll(async () => {
      server = await open();
    });
    afterAll(() => server.close());

    beforeEach(async () => {
      name = `test-${++tests}`;
      done = [];
      here = await queueProcess(server.env, name);
      await waitFor(() => here.queue.countByState(), { what: 'a queue that answers' });
    });
    afterEach(async () => {
      for (const child of children.splice(0)) child.kill('SIGKILL');
      await Promise.all([here, ...working.splice(0)].map((each) => each.stop()));
    });

    const add = (number: number, options?: object) => here.queue.add('job', { number }, options);
    const note = async (job: Job<Numbered>): Promise<void> => void done.push(job.data.number);
    const work = async (handler: Work['handler'] = note, concurrency?: number): Promise<QueueProcess> => {
      const begun = await queueProcess(server.env, name, {
        handler,
        ...(concurrency !== undefined && { concurrency }),
      });
      working.push(begun);
      return begun;
    };
    const nothingLeft = async (): Promise<boolean> => {
      const counts = await here.queue.countByState();
      return counts !== undefined && Object.values(counts).every((count) => count === 0);
    };

    it('run a job once and remove it when it is done', async () => {
      await work();
      await add(1);
      await waitFor(() => done.length > 0);
      await waitFor(nothingLeft);
      expect(done).toEqual([1]);
    });

    it('retry a failed job after growing delays and keep a job that failed all attempts', async () => {
      const attempts: { number: number; at: number }[] = [];
      await work(async ({ data, attemptsMade }) => {
        attempts.push({ number: data.number, at: performance.now() });
        if (data.number === 2 || attemptsMade < 2) throw new Error('not yet');
        done.push(data.number);
      });
      const backoff = { type: 'exponential', delay: 100 };
      await add(1, { attempts: 3, backoff });
      await add(2, { attempts: 2, backoff });
      await waitFor(async () => (await here.queue.countByState())?.['failed'] === 1);
      await waitFor(() => done.length > 0);
      expect(done).toEqual([1]);
      const [first, second, third] = attempts.filter(({ number }) => number === 1).map(({ at }) => at);
      expect(second! - first!).toBeGreaterThan(80);
      expect(third! - second!).toBeGreaterThan(160);
      expect(attempts.filter(({ number }) => number === 2)).toHaveLength(2);
    });

    it('delay a job by its `delay`', async () => {
      await work();
      const added = performance.now();
      await add(1, { delay: 500 });
      await add(2);
      await waitFor(() => done.length === 2);
      expect(done).toEqual([2, 1]);
      expect(performance.now() - added).toBeGreaterThan(450);
    });

    it('ignore a second job with the same id until the first job is done', async () => {
      await add(1, { jobId: 'same' });
      await add(2, { jobId: 'same' });
      await work();
      await waitFor(nothingLeft);
      await add(3, { jobId: 'same' });
      await waitFor(() => done.length === 2);
      expect(done).toEqual([1, 3]);
    });

    it('accept many jobs at once and run urgent jobs first', async () => {
      const jobs = Array.from({ length: 200 }, (_, number) => ({
        name: 'job',
        data: { number },
        opts: { priority: 1 + (number % 4) },
      }));
      expect(await here.queue.addBulk(jobs)).toHaveLength(200);
      await work();
      await waitFor(() => done.length === 200);
      const urgencies = done.map((number) => number % 4);
      expect(urgencies).toEqual([...urgencies].sort((a, b) => a - b));
      expect(new Set(done).size).toBe(200);
    });

    it('give the job of a killed worker to another worker', async () => {
      const env = { ...server.env, PATH: process.env['PATH'] ?? '', SECRETS_KEY: 'a key that only tests use' };
      const child = spawn(process.execPath, [WORKER, name], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      children.push(child);
      await add(1);
      expect(await once(child, 'message')).toEqual([1, undefined]);
      child.kill('SIGKILL');
      await work();
      await waitFor(() => done.length > 0, { timeoutMs: TAKEN_OVER_MS });
      expect(done).toEqual([1]);
    });

    it('lose no accepted job if the server restarts under load, and refuse jobs meanwhile', async () => {
      await work(note, 4);
      const taken: number[] = [];
      const refused: unknown[] = [];
      const enough = new AbortController();
      const producer = (async () => {
        for (let number = 0; !enough.signal.aborted; number++) {
          await add(number).then(
            () => taken.push(number),
            (error: unknown) => refused.push(error),
          );
          await sleep(1);
        }
      })();
      await waitFor(() => done.length >= 100);
      await server.end();
      await waitFor(() => refused.length > 0);
      await server.begin();
      const before = done.length;
      await waitFor(() => done.length >= before + 100, { timeoutMs: TAKEN_OVER_MS });
      enough.abort();
      await producer;
      await waitFor(() => taken.every((number) => done.includes(number)), { timeoutMs: TAKEN_OVER_MS });
      for (const error of refused) expect(error).toMatchObject({ code: 'unavailable', retryAfterMs: 1_000 });
      expect(refused[0]).toBeInstanceOf(DomainError);
    });

    it('start to work as soon as the server is available if it was unavailable at the start', async () => {
      await server.end();
      const early = await work();
      await expect(early.queue.add('job', { number: 1 })).rejects.toThrow(DomainError);
      await server.begin();
      await waitFor(() => early.queue.add('job', { number: 2 }), { timeoutMs: TAKEN_OVER_MS });
      await waitFor(() => done.includes(2), { timeoutMs: TAKEN_OVER_MS });
    });

    it('finish the running job when the process stops, and keep the waiting jobs', async () => {
      let finish: (() => void) | undefined;
      const worker = await work(async (job) => {
        await new Promise<void>((resolve) => (finish = resolve));
        await note(job);
      });
      await add(1);
      await add(2);
      await waitFor(() => finish);
      expect(await here.queue.countByState()).toMatchObject({ waiting: 1, active: 1 });
      const stopped = worker.stop();
      await waitFor(() => worker.stopping);
      expect(done).toEqual([]);
      finish?.();
      await stopped;
      expect(done).toEqual([1]);
      expect(await here.queue.countByState()).toMatchObject({ waiting: 1, active: 0 });
    });

    it('report the number of jobs per state as metrics', async () => {
      await add(1);
      await add(2, { delay: 3_600_000 });
      const text = await here.metrics.registry.metrics();
      expect(text).toContain(`queue_jobs{queue="${name}",state="waiting"} 1`);
      expect(text).toContain(`queue_jobs{queue="${name}",state="delayed"} 1`);
    });
  });
}
