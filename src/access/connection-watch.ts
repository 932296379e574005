import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { BackgroundLoop } from '../platform/process/background-loop.js';
import { BackgroundLoops } from '../platform/process/background-loops.js';
import { AccessEvents } from './access-events.js';
import { KeyWatch } from './keys/key-watch.js';
import { ConnectionSlots } from './limits/connection-slots.js';

const POLL_INTERVAL_MS = 2_000;

/**
 * Polls for connections that must end or change: their key was revoked, expired or changed, or they were admitted beyond the
 * limit and their grace period is over.
 */
@Injectable()
export class ConnectionWatch implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loops: readonly BackgroundLoop[];

  constructor(
    loops: BackgroundLoops,
    keys: KeyWatch,
    private readonly slots: ConnectionSlots,
    private readonly events: AccessEvents,
  ) {
    const poll = { intervalMs: POLL_INTERVAL_MS, isDelayed: true };
    this.loops = [
      loops.loop({ ...poll, name: 'keys_in_use', run: () => keys.checkAll() }),
      loops.loop({ ...poll, name: 'overstayed_connections', run: () => this.reportOverstayed() }),
    ];
  }

  onApplicationBootstrap(): void {
    for (const loop of this.loops) loop.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }

  private async reportOverstayed(): Promise<void> {
    for (const connectionId of await this.slots.overstayed()) this.events.overstayed(connectionId);
  }
}
