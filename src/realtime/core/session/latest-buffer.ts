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
 * Thousands of them are sent in several turns of the event loop.
 */
export class LatestBuffer {
  private pending = new Map<string, Pending>();
  /** Events of the interval that is over, in log order, which are being sent. */
  private sending = new Map<string, Pending>();
  private dueAt: number;
  private intervalEndedAt: number;

  /** `sentTo`: position up to which the connection has received all events. */
  constructor(
    private interval: number,
    now: number,
    public sentTo: number,
  ) {
    this.dueAt = now + interval;
    this.intervalEndedAt = sentTo;
  }

  get size(): number {
    return this.pending.size + this.sending.size;
  }

  /** Whether events of an interval that is over wait to be sent. */
  get isSending(): boolean {
    return this.sending.size > 0;
  }

  setInterval(interval: number, now: number): void {
    this.interval = interval;
    this.dueAt = Math.min(this.dueAt, now + interval);
  }

  isDue(now: number): boolean {
    return this.isSending || now >= this.dueAt;
  }

  add(event: DeliveredEvent, names: readonly string[]): void {
    const key = keyOf(event);
    const known = this.pending.get(key) ?? this.takeUnsent(key, event);
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

  /** Ends the interval at a position of the log: its events are to be sent. */
  endInterval(now: number, position: number): void {
    this.dueAt = now + this.interval;
    this.intervalEndedAt = position;
    const entries = [...this.sending, ...this.pending].sort(([, a], [, b]) => a.event.seq - b.event.seq);
    this.sending = new Map(entries);
    this.pending = new Map();
    if (entries.length === 0) this.sentTo = position;
  }

  /** Ends the interval if it is over and all events of the one before it have been sent. */
  endIfDue(now: number, position: number): void {
    if (!this.isSending && now >= this.dueAt) this.endInterval(now, position);
  }

  /** Sends the events of intervals that are over in log order, until all are sent or `isOver`. Returns their number. */
  send(give: (event: DeliveredEvent, names: readonly string[], merged: number) => void, isOver: () => boolean): number {
    let sent = 0;
    for (const [key, { event, names, merged }] of this.sending) {
      if (sent > 0 && isOver()) return sent;
      this.sending.delete(key);
      give(event, names, merged);
      sent += 1;
    }
    if (sent > 0) this.sentTo = this.intervalEndedAt;
    return sent;
  }

  /** A newer event replaces an unsent one of its key and waits for the next interval. */
  private takeUnsent(key: string, { seq }: DeliveredEvent): Pending | undefined {
    const unsent = this.sending.get(key);
    if (unsent && seq > unsent.event.seq) {
      this.sending.delete(key);
      this.pending.set(key, unsent);
    }
    return unsent;
  }
}
