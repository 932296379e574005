import { Logger } from '@nestjs/common';

/** Whether the store of jobs answers; one log line per change. */
export class StoreState {
  private readonly logger = new Logger('Queues');
  private isAvailable = true;

  constructor(private readonly store: string) {}

  up(): void {
    if (this.isAvailable) return;
    this.isAvailable = true;
    this.logger.log({ store: this.store }, 'queues are available again');
  }

  lost(error: unknown): void {
    if (!this.isAvailable) return;
    this.isAvailable = false;
    this.logger.warn({ store: this.store, reason: String(error) }, 'queues are unavailable; jobs wait');
  }
}
