import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Worker, type IQueueBackend, type Job, type JobProgress, type Processor, type WorkerOptions } from 'bullmq';
import { storeIn } from './queue-store.js';

/** Time without renewal of a job's lock after which another worker takes the job, ms. */
const LOCK_MS = 10_000;
/** Interval at which a worker looks for such jobs, ms. */
const STALLED_INTERVAL_MS = 5_000;
/** Number of dead workers after which a job is failed: most likely it caused their end. */
const MAX_STALLS = 5;
/** Interval between two attempts while the store is unavailable or refuses, ms. */
const RETRY_MS = 500;
/** Longest wait of a stop for running jobs, ms; other workers then take the rest after LOCK_MS. */
const CLOSE_TIMEOUT_MS = 8_000;

const TIMING = {
  lockDuration: LOCK_MS,
  stalledInterval: STALLED_INTERVAL_MS,
  maxStalledCount: MAX_STALLS,
  runRetryDelay: RETRY_MS,
};

/** Worker of BullMQ for handlers without a result. A job is done at least once: handlers must tolerate a repetition. */
export class JobWorker<T> extends Worker<T, void, string, IQueueBackend, JobProgress, object> {
  private ended: Promise<void> | undefined;

  /** Creates the worker; it takes jobs from `run` on. */
  constructor(name: string, handler: Processor<T, void>, options: WorkerOptions<object>) {
    const store = storeIn(options.connection);
    super(name, handler, { ...TIMING, ...options, autorun: false }, store.backends);
    store.onReplaced(() => this.renew());
    const logger = new Logger('Queues');
    this.on('failed', (job, error) => {
      logger.warn({ queue: name, jobId: job?.id, attempt: job?.attemptsMade, reason: String(error) }, 'job failed');
    });
    this.on('error', (error) => logger.debug({ queue: name, reason: String(error) }, 'worker met an error'));
  }

  /** Resolves when the running jobs are done, or after the longest wait. */
  override close(force?: boolean): Promise<void> {
    this.ended ??= this.end(force);
    return this.ended;
  }

  private async end(force?: boolean): Promise<void> {
    const patience = new AbortController();
    const impatient = sleep(CLOSE_TIMEOUT_MS, undefined, { signal: patience.signal }).catch(() => undefined);
    await Promise.race([super.close(force), impatient]);
    patience.abort();
  }

  /** Reconnects to the store; running jobs are finished there. */
  private renew(): void {
    const former = this.backend;
    this.createBackend();
    this.backend.on('error', (error) => this.emit('error', error));
    void former.close().catch(() => undefined);
  }

  /** Pauses after a refusal (a full or read-only server): BullMQ would ask again at once, in a busy loop. */
  protected override async moveToActive(token: string, name?: string): Promise<Job<T, void>> {
    try {
      return await super.moveToActive(token, name);
    } catch (error) {
      if (!this.closing) await sleep(RETRY_MS);
      throw error;
    }
  }
}
