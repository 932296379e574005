import { setTimeout as sleep } from 'node:timers/promises';
import { Queue, type BulkJobOptions, type IQueueBackend, type Job, type JobsOptions, type QueueOptions } from 'bullmq';
import { isConnectionLoss } from '../errors/database-errors.js';
import { DomainError } from '../errors/domain-error.js';
import { storeIn, type QueueStore } from './queue-store.js';

/** Longest wait for adding jobs, ms; a bulk of jobs adds `TIMEOUT_PER_JOB_MS` for each. */
const TIMEOUT_MS = 1_000;
const TIMEOUT_PER_JOB_MS = 1;

/**
 * BullMQ queue whose `add` waits for a bounded time: it throws `unavailable` while the queue is unreachable. A job may have
 * been added even if the call timed out, so work that must not run twice needs a `jobId`.
 */
export class JobQueue<T> extends Queue<T, void, string, T, void, string, IQueueBackend, object> {
  private readonly store: QueueStore;

  constructor(name: string, options: QueueOptions<object>) {
    const store = storeIn(options.connection);
    super(name, options, store.backends);
    this.store = store;
    store.onReplaced(() => this.renew());
    // `QueueStore` logs lost connections, and a failed call throws to its caller.
    this.on('error', () => undefined);
  }

  override add(name: string, data: T, options?: JobsOptions): Promise<Job<T, void>> {
    return this.promptly(TIMEOUT_MS, () => super.add(name, data, options));
  }

  override addBulk(jobs: { name: string; data: T; opts?: BulkJobOptions }[]): Promise<Job<T, void>[]> {
    if (jobs.length === 0) return Promise.resolve([]);
    return this.promptly(TIMEOUT_MS + jobs.length * TIMEOUT_PER_JOB_MS, () => super.addBulk(jobs));
  }

  /** Counts the jobs by state; undefined while the queue is unreachable. */
  async countByState(): Promise<Record<string, number> | undefined> {
    try {
      return await this.promptly(TIMEOUT_MS, () => this.getJobCounts());
    } catch {
      return undefined;
    }
  }

  /** Connects to the new store; references to this queue stay valid. */
  private renew(): void {
    const former = this.backend;
    this.createBackend();
    this.backend.on('error', (error) => this.emit('error', error));
    void former.close().catch(() => undefined);
  }

  private async promptly<R>(patienceMs: number, work: () => Promise<R>): Promise<R> {
    if (!this.store.reachable) throw unavailable();
    const patience = new AbortController();
    try {
      return await Promise.race([
        work(),
        sleep(patienceMs, undefined, { signal: patience.signal }).then(() => Promise.reject(unavailable())),
      ]);
    } catch (error) {
      throw isConnectionLoss(error) ? unavailable(error) : error;
    } finally {
      patience.abort();
    }
  }
}

function unavailable(cause?: unknown): DomainError {
  return new DomainError('unavailable', 'Jobs cannot be queued at the moment; try again shortly.', {
    retryAfterMs: TIMEOUT_MS,
    cause,
  });
}
