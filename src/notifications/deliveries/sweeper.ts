import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { Settings } from '../../platform/settings/settings.js';
import { DeliveryResults } from './delivery-results.js';
import { DeliveryWorker } from './delivery-worker.js';
import { DueTargets } from './due-targets.js';

/**
 * Interval of the sweeps, ms; also the maximum time until a retry, a message after quiet hours or a message after a proof
 * gets in line.
 */
const SWEEP_INTERVAL_MS = 250;
/** Interval of the sweeps while there are due deliveries and room for them, ms. */
const BUSY_INTERVAL_MS = 50;
const RECOVER_INTERVAL_MS = 5_000;
const BATCH_SIZE = 1_000;

/**
 * Finds deliveries without a job: committed but not enqueued, due again, or left by a worker that died while sending. Gives
 * them to the worker of its own process, no more than have room there, to all users and receivers alike. May run in several
 * processes at once: each takes other deliveries.
 */
@Injectable()
export class Sweeper implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(Sweeper.name);
  private readonly loop: BackgroundLoop;
  private readonly bornAt = Date.now();
  private recoveredAt = 0;
  /** Whether deliveries of an earlier process may be in state `sending` although no process sends them. */
  private orphaned: boolean;

  constructor(
    private readonly database: Database,
    private readonly results: DeliveryResults,
    private readonly due: DueTargets,
    private readonly worker: DeliveryWorker,
    settings: Settings,
    loops: BackgroundLoops,
  ) {
    // Without Redis this is the only process, so no delivery of an earlier process is still being sent.
    this.orphaned = settings.redisUrl === undefined;
    this.loop = loops.loop({
      name: 'delivery_sweep',
      intervalMs: SWEEP_INTERVAL_MS,
      onlyOn: 'worker',
      run: (stop) => this.turn(stop),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  private async turn(stop: AbortSignal): Promise<number> {
    await this.recover(this.orphaned);
    this.orphaned = false;
    return (await this.sweep(stop)) > 0 ? BUSY_INTERVAL_MS : SWEEP_INTERVAL_MS;
  }

  /** Gives due deliveries to the worker, as many as it has room for; returns their number. */
  private async sweep(stop: AbortSignal): Promise<number> {
    const jobs = await this.due.take(BATCH_SIZE, (target) => this.worker.room(target, target.slow ? 'slow' : 'main'));
    for (const job of jobs) if (!stop.aborted) this.worker.take(job, job.slow ? 'slow' : 'main');
    return jobs.length;
  }

  /**
   * Ends attempts whose worker has died. `all`: there is no other process, so all attempts from before the start of this
   * process have ended.
   */
  private async recover(all: boolean): Promise<void> {
    if (Date.now() - this.recoveredAt < RECOVER_INTERVAL_MS) return;
    await this.database.transaction(async (tx) => {
      const { rows } = await tx.query<{ id: string }>(
        `SELECT id FROM deliveries WHERE state = 'sending' AND (due_at <= now() OR $1 AND started_at < $3)
         LIMIT $2 FOR UPDATE SKIP LOCKED`,
        [all, all ? null : BATCH_SIZE, new Date(this.bornAt)],
      );
      if (all) await tx.query(REQUEUE_ALL);
      if (rows.length === 0) return;
      this.logger.warn({ deliveries: rows.length }, 'deliveries of an ended worker found; sending them again');
      const ids = rows.map(({ id }) => id);
      await this.results.interrupt(tx, ids);
      await tx.query(`UPDATE deliveries SET due_at = now() WHERE id = ANY($1)`, [ids]);
    });
    this.recoveredAt = Date.now();
  }
}

const REQUEUE_ALL = `
  UPDATE deliveries SET due_at = next_attempt_at
  WHERE state IN ('pending', 'retrying') AND due_at > now() AND next_attempt_at <= now()
    AND reason IS DISTINCT FROM 'target_unverified'`;
