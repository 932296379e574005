import { Logger } from '@nestjs/common';
import { CHANNEL_NAMES, CHANNELS, type Channel } from '../core/channels/catalogue.js';
import type { Lane, LaneOptions } from '../core/channels/definition.js';
import type { Priority } from '../core/delivery.js';
import { JobQueue } from '../../platform/queue/job-queue.js';

/**
 * Job of a delivery: its id, its queue, and the receiver for whose turn it waits. The delivery itself is read at its
 * turn.
 */
export interface Job {
  id: string;
  channel: Channel;
  priority: Priority;
  slow: boolean;
  /** Number of attempts so far: every attempt has a separate job. */
  attempts: number;
  /** Target for whose turn the job waits. */
  receiver: string | null;
  user: string;
}

/** Data of a job. Jobs of a process before an upgrade contain only the delivery's id. */
export interface JobData {
  id: string;
  receiver?: string | null;
  user?: string;
}

/** Queue of a channel's lane. */
export interface LaneQueue extends LaneOptions {
  readonly channel: Channel;
  readonly lane: Lane;
}

/** Queues of all channels. */
export const LANES: readonly LaneQueue[] = CHANNEL_NAMES.flatMap((channel) => {
  const { main, slow } = CHANNELS[channel].lanes;
  const queues: LaneQueue[] = [{ channel, lane: 'main', ...main }];
  return slow === undefined ? queues : [...queues, { channel, lane: 'slow', ...slow }];
});

/** Maximum number of jobs added to a queue at once. */
const BATCH_SIZE = 500;

/** Queues of deliveries. A second job for a queued or finished delivery does no harm. */
export class Lanes {
  private readonly logger = new Logger(Lanes.name);
  private readonly queues: ReadonlyMap<string, JobQueue<JobData>>;

  /** @param queues one for each of `LANES` */
  constructor(queues: readonly JobQueue<JobData>[]) {
    this.queues = new Map(queues.map((queue) => [queue.name, queue]));
  }

  /** Adds jobs to the queues; returns whether all were accepted. */
  async put(jobs: readonly Job[]): Promise<boolean> {
    try {
      for (const [name, own] of Map.groupBy(jobs, queueOf)) {
        const queue = this.queues.get(name);
        if (queue === undefined) throw new Error(`no queue ${name}`);
        for (let start = 0; start < own.length; start += BATCH_SIZE) {
          await queue.addBulk(own.slice(start, start + BATCH_SIZE).map(bullJob));
        }
      }
      return true;
    } catch (error) {
      this.logger.warn(
        { jobs: jobs.length, err: error },
        'deliveries could not be queued; the sweeper will queue them',
      );
      return false;
    }
  }
}

/** Returns the name of a job's queue. */
function queueOf({ channel, slow }: Job): string {
  const { lanes } = CHANNELS[channel];
  return (slow ? (lanes.slow ?? lanes.main) : lanes.main).name;
}

/**
 * Returns a job without retries, because the delivery has its own schedule of attempts. A queue accepts an id only once while
 * it has the job, so that an attempt has one job however often it is announced.
 */
function bullJob({ id, priority, attempts, receiver, user }: Job): { name: string; data: JobData; opts: object } {
  const options = { jobId: `${id}.${attempts}`, attempts: 1, removeOnComplete: true, removeOnFail: true };
  return {
    name: 'deliver',
    data: { id, receiver, user },
    opts: priority === 'critical' ? { ...options, lifo: true } : options,
  };
}
