import { Logger } from '@nestjs/common';

/**
 * State of the connection to the job store; each change is logged once, with its reason as it was found. The store itself may be
 * well, for example if this process got no processor time until its socket timed out.
 */
export class StoreState {
  private readonly logger = new Logger('Queues');
  private isAvailable = true;

  constructor(private readonly store: string) {}

  up(): void {
    if (this.isAvailable) return;
    this.isAvailable = true;
    this.logger.log({ store: this.store }, 'connection to the queues restored');
  }

  lost(error: unknown): void {
    if (!this.isAvailable) return;
    this.isAvailable = false;
    this.logger.warn({ store: this.store, err: error }, 'connection to the queues lost; jobs wait');
  }
}
