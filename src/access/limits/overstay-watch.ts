import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { AccessEvents } from '../access-events.js';
import { ConnectionSlots } from './connection-slots.js';

const POLL_INTERVAL_MS = 2_000;

/** Reports connections that were admitted beyond the limit and whose grace period is over. */
@Injectable()
export class OverstayWatch implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private polling: Promise<void> | undefined;

  constructor(
    private readonly slots: ConnectionSlots,
    private readonly events: AccessEvents,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.polling ??= this.poll().finally(() => (this.polling = undefined));
    }, POLL_INTERVAL_MS);
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.polling;
  }

  private async poll(): Promise<void> {
    for (const connectionId of await this.slots.overstayed()) this.events.overstayed(connectionId);
  }
}
