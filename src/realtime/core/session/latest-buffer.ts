import { eventSpec } from '../../../events/index.js';
import type { DeliveredEvent } from '../wire/encoded-event.js';

interface Pending {
  event: DeliveredEvent;
  names: readonly string[];
  merged: number;
}

/**
 * Returns the key under which a newer event replaces an older one; events of types without a level never replace each
 * other.
 */
function keyOf(event: DeliveredEvent): string {
  const { level } = eventSpec(event.type);
  if (level === null) return `seq:${event.seq}`;
  let key: string = event.type;
  for (const subject of level) key += `:${event[subject]}`;
  return key;
}

/**
 * Newest event per key of one connection in `latest` mode. Events wait for the connection's interval and are sent in log
 * order, so the client can always resume from the cursor of the last sent event. The buffer stores rows instead of
 * frames: events that wait for slow connections must not keep encoded events in memory.
 */
export class LatestBuffer {
  private readonly pending = new Map<string, Pending>();
  private dueAt: number;

  constructor(
    private interval: number,
    now: number,
  ) {
    this.dueAt = now + interval;
  }

  get size(): number {
    return this.pending.size;
  }

  setInterval(interval: number, now: number): void {
    this.interval = interval;
    this.dueAt = Math.min(this.dueAt, now + interval);
  }

  isDue(now: number): boolean {
    return now >= this.dueAt;
  }

  add(event: DeliveredEvent, names: readonly string[]): void {
    const key = keyOf(event);
    const known = this.pending.get(key);
    if (!known) {
      this.pending.set(key, { event, names, merged: 1 });
      return;
    }
    known.merged++;
    if (event.seq > known.event.seq) {
      known.event = event;
      known.names = names;
    }
  }

  /** Sends the waiting events in log order and starts the next interval. */
  flush(now: number, send: (event: DeliveredEvent, names: readonly string[], merged: number) => void): number {
    this.dueAt = now + this.interval;
    if (this.pending.size === 0) return 0;
    const entries = [...this.pending.values()].sort((a, b) => a.event.seq - b.event.seq);
    this.pending.clear();
    for (const { event, names, merged } of entries) send(event, names, merged);
    return entries.length;
  }
}
