import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { EventFeed } from '../../events/index.js';

/** Time after the last change for which changes count as arriving, ms. */
const ARRIVAL_WINDOW_MS = 250;

/** Whether changes are currently arriving, which queries must not delay. */
@Injectable()
export class Arrivals implements OnApplicationShutdown {
  private lastAt = -Infinity;
  private readonly unsubscribe: () => void;

  constructor(feed: EventFeed) {
    this.unsubscribe = feed.subscribe(() => (this.lastAt = performance.now()));
  }

  get flow(): boolean {
    return performance.now() - this.lastAt < ARRIVAL_WINDOW_MS;
  }

  onApplicationShutdown(): void {
    this.unsubscribe();
  }
}
