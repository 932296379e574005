import { randomBytes } from 'node:crypto';
import { InjectQueue } from '@nestjs/bullmq';
import { Injectable, Logger } from '@nestjs/common';
import type { Channel, Priority } from '../core/delivery.js';
import { JobQueue } from '../../platform/queue/job-queue.js';

export type Lane = 'main' | 'slow';

/** Job: the delivery's id, its queue, and whose turn it waits for. The delivery itself is read at its turn. */
export interface Job {
  id: string;
  channel: Channel;
  priority: Priority;
  slow: boolean;
  /** Number of attempts so far: each has a job of its own. */
  attempts: number;
  /** Target, whose turn it waits for. */
  receiver: string | null;
  user: string;
}

/** Data of a job; a process before an upgrade names the delivery only. */
export interface JobData {
  id: string;
  receiver?: string | null;
  user?: string;
}

export interface LaneOptions {
  channel: Channel;
  lane: Lane;
  name: string;
  /** Maximum number of deliveries of the lane at once in one process. */
  concurrency: number;
}

/**
 * Queues, one per channel. Endpoints that failed lately share a narrow one: with answers that take 10 s, a few hundred dead ones
 * would otherwise hold every worker.
 */
export const LANES = {
  webhook: { channel: 'webhook', lane: 'main', name: 'deliver-webhook', concurrency: 100 },
  slowWebhook: { channel: 'webhook', lane: 'slow', name: 'deliver-webhook-slow', concurrency: 16 },
  email: { channel: 'email', lane: 'main', name: 'deliver-email', concurrency: 16 },
  push: { channel: 'push', lane: 'main', name: 'deliver-push', concurrency: 32 },
} as const satisfies Record<string, LaneOptions>;

/** Maximum number of jobs of one command. */
const BULK = 500;

/** Queues of deliveries. A job whose delivery is already queued, or finished, does no harm. */
@Injectable()
export class Lanes {
  private readonly logger = new Logger(Lanes.name);
  /**
   * End of the job ids of this process: it adds a job once while the queue holds it, and an unfinished job of a dead process does
   * not block it.
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

  /** Puts jobs into the queues; returns whether all were taken. */
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
      this.logger.warn(
        { jobs: jobs.length, reason: String(error) },
        'deliveries could not be queued; the sweeper will queue them',
      );
      return false;
    }
  }
}

function laneOf({ channel, slow }: Job): Lane {
  return channel === 'webhook' && slow ? 'slow' : 'main';
}

/** Returns a job that runs once, since the delivery has its own schedule of attempts; its id is free again afterwards. */
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
