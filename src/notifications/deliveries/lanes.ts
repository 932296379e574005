import { randomBytes } from 'node:crypto';
import { InjectQueue } from '@nestjs/bullmq';
import { Injectable, Logger } from '@nestjs/common';
import type { Channel, Priority } from '../core/delivery.js';
import { JobQueue } from '../../platform/queue/job-queue.js';

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

export interface LaneOptions {
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
export const LANES = {
  webhook: { channel: 'webhook', lane: 'main', name: 'deliver-webhook', concurrency: 100 },
  slowWebhook: { channel: 'webhook', lane: 'slow', name: 'deliver-webhook-slow', concurrency: 16 },
  email: { channel: 'email', lane: 'main', name: 'deliver-email', concurrency: 16 },
  push: { channel: 'push', lane: 'main', name: 'deliver-push', concurrency: 32 },
} as const satisfies Record<string, LaneOptions>;

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
  private readonly queues: readonly [LaneOptions, JobQueue<JobData>][];

  constructor(
    @InjectQueue(LANES.webhook.name) webhook: JobQueue<JobData>,
    @InjectQueue(LANES.slowWebhook.name) slowWebhook: JobQueue<JobData>,
    @InjectQueue(LANES.email.name) email: JobQueue<JobData>,
    @InjectQueue(LANES.push.name) push: JobQueue<JobData>,
  ) {
    this.queues = [
      [LANES.webhook, webhook],
      [LANES.slowWebhook, slowWebhook],
      [LANES.email, email],
      [LANES.push, push],
    ];
  }

  /** Whether all jobs were taken. */
  async put(jobs: readonly Job[]): Promise<boolean> {
    try {
      for (const [{ channel, lane }, queue] of this.queues) {
        const own = jobs.filter((job) => job.channel === channel && laneOf(job) === lane);
        for (let start = 0; start < own.length; start += BULK) {
          await queue.addBulk(own.slice(start, start + BULK).map((job) => bullJob(job, this.process)));
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
