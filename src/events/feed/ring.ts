import type { LogEvent } from '../core/log-event.js';

/** Latest events of the log in memory, contiguous by `seq`. */
export class Ring {
  private readonly slots: (LogEvent | undefined)[];
  private first = 0;
  private size = 0;

  constructor(capacity: number) {
    this.slots = Array.from({ length: capacity });
  }

  /** Adds an event, whose seq must follow that of the last one. */
  push(event: LogEvent): void {
    if (this.size === 0) this.first = event.seq;
    this.slots[event.seq % this.slots.length] = event;
    if (this.size < this.slots.length) this.size++;
    else this.first++;
  }

  clear(): void {
    this.slots.fill(undefined);
    this.size = 0;
  }

  /**
   * Returns up to `limit` events after a seq and up to `position`; undefined if the ring no longer has the first of them.
   */
  after(seq: number, limit: number, position: number): readonly LogEvent[] | undefined {
    if (seq >= position) return [];
    if (this.size === 0 || seq + 1 < this.first) return undefined;
    const events: LogEvent[] = [];
    const end = Math.min(seq + limit, position);
    for (let at = seq + 1; at <= end; at++) {
      const event = this.slots[at % this.slots.length];
      if (event === undefined) return undefined;
      events.push(event);
    }
    return events;
  }
}
