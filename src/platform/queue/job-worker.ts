import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Worker, type IQueueBackend, type Job, type JobProgress, type Processor, type WorkerOptions } from 'bullmq';
import { storeIn } from './queue-store.js';

/** A job whose worker has not renewed its lock for so long is taken by another. */
const LOCK_MS = 10_000;
/** How often a worker looks for such jobs. */
const STALLED_EVERY_MS = 5_000;
/** A job that has outlived so many workers is more likely their cause of death. */
const MAX_STALLS = 5;
/** Between two attempts while the store is unavailable or refuses. */
const RETRY_MS = 500;
/** A stop waits so long for running jobs; others then take what is left after LOCK_MS. */
const CLOSE_MS = 8_000;

const TIMING = {
  lockDuration: LOCK_MS,
  stalledInterval: STALLED_EVERY_MS,
  maxStalledCount: MAX_STALLS,
  runRetryDelay: RETRY_MS,
};

/** BullMQ's worker for handlers that give no result. A job is done at least once: handlers must bear a repetition. */
export class JobWorker<T> extends Worker<T, void, string, IQueueBackend, JobProgress, object> {
  private ended: Promise<void> | undefined;

  /** Takes jobs from `run` on. */
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

  /** Resolves when the running jobs are done, or have had long enough. */
  override close(force?: boolean): Promise<void> {
    this.ended ??= this.end(force);
    return this.ended;
  }

  private async end(force?: boolean): Promise<void> {
    const patience = new AbortController();
    const impatient = sleep(CLOSE_MS, undefined, { signal: patience.signal }).catch(() => undefined);
    await Promise.race([super.close(force), impatient]);
    patience.abort();
  }

  /** Talks to the store anew; what runs is finished there. */
  private renew(): void {
    const former = this.backend;
    this.createBackend();
    this.backend.on('error', (error) => this.emit('error', error));
    void former.close().catch(() => undefined);
  }

  /** BullMQ asks again at once after a refusal (a full or read-only server); that must not become a busy loop. */
  protected override async moveToActive(token: string, name?: string): Promise<Job<T, void>> {
    try {
      return await super.moveToActive(token, name);
    } catch (error) {
      if (!this.closing) await sleep(RETRY_MS);
      throw error;
    }
  }
}
