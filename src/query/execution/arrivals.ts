import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { EventFeed } from '../../events/index.js';

/** Time after a change during which changes count as flowing, ms. */
const FLOW_MS = 250;

/** Whether changes arrive at present, which queries must not delay. */
@Injectable()
export class Arrivals implements OnApplicationShutdown {
  private lastAt = -Infinity;
  private readonly unsubscribe: () => void;

  constructor(feed: EventFeed) {
    this.unsubscribe = feed.subscribe(() => (this.lastAt = performance.now()));
  }

  get flow(): boolean {
    return performance.now() - this.lastAt < FLOW_MS;
  }

  onApplicationShutdown(): void {
    this.unsubscribe();
  }
}
