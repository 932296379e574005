import { WorkerHost } from '@nestjs/bullmq';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import type { Job, Worker } from 'bullmq';

/**
 * Base class of every `@Processor`. Its worker runs from application bootstrap until `beforeApplicationShutdown`.
 * @nestjs/bullmq would close workers only in `onApplicationShutdown`, when the database is closed already and running jobs
 * would fail.
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
