import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Worker, type IQueueBackend, type Job, type JobProgress, type Processor, type WorkerOptions } from 'bullmq';
import { storeIn } from './queue-store.js';

/** Time after which a lock that its worker has not renewed expires, ms; another worker then runs the job again. */
const LOCK_DURATION_MS = 10_000;
/** Interval at which a worker looks for jobs whose lock has expired, ms. */
const STALLED_INTERVAL_MS = 5_000;
/** Number of expired locks after which a job is failed: the job has probably crashed its workers. */
const MAX_STALLS = 5;
/** Interval between attempts while the store is unavailable or returns errors, ms. */
const RETRY_INTERVAL_MS = 500;
/** Longest wait of a stop for running jobs, ms. After `LOCK_DURATION_MS`, other workers run the unfinished jobs again. */
const CLOSE_TIMEOUT_MS = 8_000;

const TIMING = {
  lockDuration: LOCK_DURATION_MS,
  stalledInterval: STALLED_INTERVAL_MS,
  maxStalledCount: MAX_STALLS,
  runRetryDelay: RETRY_INTERVAL_MS,
};

/** BullMQ worker for handlers without a result. A job runs at least once, so handlers must tolerate a repetition. */
export class JobWorker<T> extends Worker<T, void, string, IQueueBackend, JobProgress, object> {
  private ended: Promise<void> | undefined;

  /** Creates the worker, which starts to run jobs when `run` is called. */
  constructor(name: string, handler: Processor<T, void>, options: WorkerOptions<object>) {
    const store = storeIn(options.connection);
    super(name, handler, { ...TIMING, ...options, autorun: false }, store.backends);
    store.onReplaced(() => this.renew());
    const logger = new Logger('Queues');
    this.on('failed', (job, error) => {
      logger.warn({ queue: name, jobId: job?.id, attempt: job?.attemptsMade, err: error }, 'job failed');
    });
    this.on('error', (error) => logger.debug({ queue: name, err: error }, 'worker error'));
  }

  /** Resolves when the running jobs have ended, but after `CLOSE_TIMEOUT_MS` at the latest. */
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

  /** Connects to the new store; running jobs report their end there. */
  private renew(): void {
    const former = this.backend;
    this.createBackend();
    this.backend.on('error', (error) => this.emit('error', error));
    void former.close().catch(() => undefined);
  }

  /**
   * Pauses after an error of the store, such as a full or read-only server: BullMQ would retry immediately in a busy loop.
   */
  protected override async moveToActive(token: string, name?: string): Promise<Job<T, void>> {
    try {
      return await super.moveToActive(token, name);
    } catch (error) {
      if (!this.closing) await sleep(RETRY_INTERVAL_MS);
      throw error;
    }
  }
}
