import { randomBytes } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import type { Channel, Priority } from '../core/delivery.js';
import { Queues } from '../../platform/queue/queues.js';

export type Lane = 'main' | 'slow';

/** What a job is: the delivery's id, where to put it, and whose turn it waits for. The delivery itself is read when its turn comes. */
export interface Job {
  id: string;
  channel: Channel;
  priority: Priority;
  slow: boolean;
  /** Attempts so far: each has a job of its own. */
  attempts: number;
  /** The target, whose turn it waits for. */
  receiver: string | null;
  user: string;
}

/** What a job carries; a process before an upgrade names the delivery only. */
export interface JobData {
  id: string;
  receiver?: string | null;
  user?: string;
}

interface LaneOptions {
  channel: Channel;
  lane: Lane;
  name: string;
  /** Deliveries of the lane at once in one process. */
  concurrency: number;
}

/**
 * One queue per channel. Endpoints that failed lately share a narrow one: with answers that take 10 s, a few hundred dead
 * ones would otherwise hold every worker.
 */
export const LANES: readonly LaneOptions[] = [
  { channel: 'webhook', lane: 'main', name: 'deliver-webhook', concurrency: 100 },
  { channel: 'webhook', lane: 'slow', name: 'deliver-webhook-slow', concurrency: 16 },
  { channel: 'email', lane: 'main', name: 'deliver-email', concurrency: 16 },
  { channel: 'push', lane: 'main', name: 'deliver-push', concurrency: 32 },
];
/** Jobs of one command. */
const BULK = 500;

/** Puts deliveries into the queues. A job whose delivery is already there, or needs nothing any more, does no harm. */
@Injectable()
export class Lanes {
  private readonly logger = new Logger(Lanes.name);
  /**
   * Ends the job ids of this process: it adds a job once while the queue holds it, and what a dead process left half done
   * in the queue does not stand in its way.
   */
  private readonly process = randomBytes(6).toString('hex');

  constructor(private readonly queues: Queues) {}

  /** Whether all jobs were taken. */
  async put(jobs: readonly Job[]): Promise<boolean> {
    try {
      for (const { name, channel, lane } of LANES) {
        const own = jobs.filter((job) => job.channel === channel && laneOf(job) === lane);
        for (let start = 0; start < own.length; start += BULK) {
          await this.queues
            .queue<JobData>(name)
            .addBulk(own.slice(start, start + BULK).map((job) => bullJob(job, this.process)));
        }
      }
      return true;
    } catch (error) {
      this.logger.warn({ jobs: jobs.length, reason: String(error) }, 'deliveries were not queued; the sweeper will');
      return false;
    }
  }
}

function laneOf({ channel, slow }: Job): Lane {
  return channel === 'webhook' && slow ? 'slow' : 'main';
}

/** The schedule of attempts is the delivery's own, so a job runs once; its id is free again when it has. */
function bullJob(
  { id, priority, attempts, receiver, user }: Job,
  process: string,
): { name: string; data: JobData; opts: object } {
  const options = { jobId: `${id}.${attempts}.${process}`, attempts: 1, removeOnComplete: true, removeOnFail: true };
  return {
    name: 'deliver',
    data: { id, receiver, user },
    opts: priority === 'critical' ? { ...options, lifo: true } : options,
  };
}
