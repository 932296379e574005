import { availableParallelism } from 'node:os';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Piscina } from 'piscina';
import { Counter, Gauge } from 'prom-client';
import { DomainError } from '../errors/domain-error.js';
import { errorCode } from '../errors/error-code.js';
import { metricOf } from '../metrics/metric-of.js';
import { Metrics } from '../metrics/metrics.js';
import { CpuBudget } from './cpu-budget.js';
import { FairTurns, type Waiting } from './fair-turns.js';
import type { TaskCall, TaskResult } from './task-runner.js';
import { workerTask, type WorkerTask } from './worker-task.js';

/** Number of threads; at least two, so that long tasks of one user leave a thread for short tasks of others. */
const THREADS = Math.max(2, availableParallelism());
const MAX_WAITING_TASKS_OF_KEY = 32;
const MAX_WAITING_TASKS = 2_000;
/** Heap size above which a task and its thread are ended, MB. */
const MAX_HEAP_MB = 160;
/** Size of the young generation of a thread's heap, MB; V8's default is three times as large. */
const MAX_YOUNG_MB = 16;
/** Idle time after which a thread ends, ms. */
const IDLE_TIMEOUT_MS = 60_000;
/** Retry delay sent to a caller when too many tasks wait, ms. */
const BUSY_RETRY_DELAY_MS = 2_000;

const RUNNER = workerTask<TaskCall, TaskResult>(import.meta.url, './task-runner', 'default', {
  lane: 'short',
  timeoutMs: 0,
  cpuMsPerMinute: 0,
});

interface RunOptions {
  /** User, or the address of a caller without a key, for the budget and the fair order. */
  readonly key: string;
  /** Aborted when the caller disconnects; the task then ends. */
  readonly signal?: AbortSignal;
}

/** Error that the task itself threw, rebuilt from the thread's result. */
export class TaskFault extends Error {
  override readonly name = 'TaskFault';

  constructor(
    /** Name of the original error. */
    readonly kind: string,
    message: string,
    /** Member `details` of the original error, as plain data. */
    readonly details: unknown,
  ) {
    super(message);
  }
}

/**
 * Worker threads for a caller's computations, which must not block the event loop. Callers share the threads fairly: the
 * caller that has spent the least CPU time is next, and no caller occupies all threads.
 */
@Injectable()
export class WorkerPool implements OnApplicationShutdown {
  private readonly logger = new Logger(WorkerPool.name);
  private readonly threads = new Piscina({
    filename: RUNNER.file.href,
    minThreads: 0,
    maxThreads: THREADS,
    idleTimeout: IDLE_TIMEOUT_MS,
    // Off, so that a thread does not block while it waits for messages: an idle thread can then be ended immediately.
    atomics: 'disabled',
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB, maxYoungGenerationSizeMb: MAX_YOUNG_MB },
  });
  private readonly turns = new FairTurns({
    slots: THREADS,
    maxWaitingOfKey: MAX_WAITING_TASKS_OF_KEY,
    maxWaiting: MAX_WAITING_TASKS,
  });
  private readonly budgets = new WeakMap<object, CpuBudget>();
  private readonly seconds: Counter;
  private readonly refusals: Counter;
  /** Number of tasks that wait for a thread. */
  readonly waiting: Gauge;

  constructor(metrics: Metrics) {
    this.threads.on('error', (err: unknown) => this.logger.error({ err }, 'worker thread failed'));
    const { turns } = this;
    const registers = [metrics.registry];
    this.seconds = new Counter({
      ...metricOf('worker_cpu_seconds_total'),
      registers,
    });
    this.refusals = new Counter({
      ...metricOf('worker_refused_total'),
      registers,
    });
    this.waiting = new Gauge({
      ...metricOf('worker_waiting'),
      registers,
      collect() {
        this.set(turns.waiting);
      },
    });
  }

  /**
   * Runs the task in a thread when the caller's turn comes. Throws `rate_limited` if the caller has used up its budget or
   * too many tasks wait, `limit_exceeded` if the task needed too much time or memory, and `TaskFault` if the task threw an
   * error.
   */
  async run<Input, Output>(task: WorkerTask<Input, Output>, input: Input, options: RunOptions): Promise<Output> {
    const budget = this.budget(task);
    const waitMs = budget.waitMs(options.key, Date.now());
    if (waitMs > 0) throw this.refused(task, 'budget', waitMs);
    const turn = await this.turn(task, options);
    const startedAt = performance.now();
    let cpuMs: number | undefined;
    try {
      // Other tasks of the key may have used up the budget while this task waited.
      const laterMs = budget.waitMs(options.key, Date.now());
      if (laterMs > 0) throw this.refused(task, 'budget', laterMs);
      const result = await this.inThread(task, input, options.signal);
      cpuMs = result.cpuMs;
      if (result.fault) throw new TaskFault(result.fault.name, result.fault.message, result.fault.details);
      return result.output as Output;
    } finally {
      // A task that was ended, for example because its caller disconnected, reports no CPU time: its whole duration is
      // charged.
      const spentMs = cpuMs ?? performance.now() - startedAt;
      this.seconds.inc({ task: task.name }, spentMs / 1_000);
      budget.spend(options.key, spentMs, Date.now());
      this.turns.end(turn, spentMs, Date.now());
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.threads.destroy();
  }

  private turn<I, O>(task: WorkerTask<I, O>, { key, signal }: RunOptions): Promise<Waiting> {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        if (this.turns.remove(work)) reject(signal?.reason);
      };
      const work: Waiting = {
        key,
        lane: task.lane,
        start: () => {
          signal?.removeEventListener('abort', leave);
          resolve(work);
        },
      };
      signal?.addEventListener('abort', leave, { once: true });
      if (this.turns.add(work, Date.now())) return;
      signal?.removeEventListener('abort', leave);
      reject(this.refused(task, 'queue', BUSY_RETRY_DELAY_MS));
    });
  }

  private async inThread<I, O>(task: WorkerTask<I, O>, input: I, gone?: AbortSignal): Promise<TaskResult> {
    const timeout = AbortSignal.timeout(task.timeoutMs);
    const signal = gone === undefined ? timeout : AbortSignal.any([gone, timeout]);
    const call: TaskCall = { file: task.file.href, name: task.name, input };
    try {
      return (await this.threads.run(call, { signal })) as TaskResult;
    } catch (error) {
      if (gone?.aborted === true) throw gone.reason;
      if (timeout.aborted) throw this.ended(task, 'timeout', `took longer than ${task.timeoutMs} ms`, error);
      if (isOutOfMemory(error)) throw this.ended(task, 'memory', `needs more than ${MAX_HEAP_MB} MB`, error);
      throw error;
    }
  }

  private budget<I, O>(task: WorkerTask<I, O>): CpuBudget {
    let budget = this.budgets.get(task);
    if (budget === undefined) this.budgets.set(task, (budget = new CpuBudget(task.cpuMsPerMinute)));
    return budget;
  }

  private refused<I, O>({ name }: WorkerTask<I, O>, reason: 'budget' | 'queue', retryAfterMs: number): DomainError {
    this.refusals.inc({ task: name, reason });
    const why = reason === 'budget' ? 'Your CPU time of this minute is used up' : 'Too many tasks wait';
    const seconds = Math.ceil(retryAfterMs / 1_000);
    return new DomainError('rate_limited', `${why} (${name}); retry in ${seconds} s.`, { retryAfterMs });
  }

  private ended<I, O>({ name }: WorkerTask<I, O>, reason: string, what: string, cause: unknown): DomainError {
    this.refusals.inc({ task: name, reason });
    return new DomainError('limit_exceeded', `The task (${name}) ${what}; request less.`, { cause });
  }
}

function isOutOfMemory(error: unknown): boolean {
  return errorCode(error) === 'ERR_WORKER_OUT_OF_MEMORY';
}
