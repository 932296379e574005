import { WorkerHost } from '@nestjs/bullmq';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import type { Job, Worker } from 'bullmq';

/**
 * Base of every `@Processor`: works from when the application is ready until it stops. The library would close workers in
 * `onApplicationShutdown`, where their running jobs have lost the database.
 */
export abstract class JobProcessor<T> extends WorkerHost implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private running: Worker | undefined;

  abstract override process(job: Job<T>): Promise<void>;

  onApplicationBootstrap(): void {
    const { worker } = this;
    this.running = worker;
    worker.run().catch((error: Error) => worker.emit('error', error));
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.running?.close();
  }
}
