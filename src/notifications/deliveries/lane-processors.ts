import { Processor } from '@nestjs/bullmq';
import type { Type } from '@nestjs/common';
import type { Job } from 'bullmq';
import { JobProcessor } from '../../platform/queue/job-processor.js';
import { DeliveryWorker } from './delivery-worker.js';
import { LANES, type JobData, type LaneQueue } from './lanes.js';

/** Returns the processor of a lane's queue. */
function processorOf({ name, channel, lane, concurrency }: LaneQueue): Type<JobProcessor<JobData>> {
  @Processor(name, { concurrency })
  class LaneProcessor extends JobProcessor<JobData> {
    constructor(private readonly deliveries: DeliveryWorker) {
      super();
    }

    async process({ data }: Job<JobData>): Promise<void> {
      this.deliveries.take({ ...data, channel }, lane);
    }
  }
  return LaneProcessor;
}

/** One processor per lane. */
export const LANE_PROCESSORS = LANES.map(processorOf);
