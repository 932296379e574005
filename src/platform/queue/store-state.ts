import { Logger } from '@nestjs/common';

/** State of the job store: available or not. Each change is logged once. */
export class StoreState {
  private readonly logger = new Logger('Queues');
  private isAvailable = true;

  constructor(private readonly store: string) {}

  up(): void {
    if (this.isAvailable) return;
    this.isAvailable = true;
    this.logger.log({ store: this.store }, 'queues available again');
  }

  lost(error: unknown): void {
    if (!this.isAvailable) return;
    this.isAvailable = false;
    this.logger.warn({ store: this.store, reason: String(error) }, 'queues unavailable; jobs wait');
  }
}
