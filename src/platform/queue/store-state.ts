import { Logger } from '@nestjs/common';

/** Whether the place where jobs live answers; one log line per change. */
export class StoreState {
  private readonly logger = new Logger('Queues');
  private away = false;

  constructor(private readonly store: string) {}

  up(): void {
    if (!this.away) return;
    this.away = false;
    this.logger.log({ store: this.store }, 'queues are back');
  }

  lost(error: unknown): void {
    if (this.away) return;
    this.away = true;
    this.logger.warn({ store: this.store, reason: String(error) }, 'queues are away; jobs wait');
  }
}
