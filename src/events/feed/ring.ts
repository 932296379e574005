import type { LogEvent } from '../core/log-event.js';

/** Latest events of the log in memory, contiguous by `seq`: at most `capacity`, with at most `budget` characters of data. */
export class Ring {
  private readonly slots: (LogEvent | undefined)[];
  private readonly weights: Uint32Array;
  private first = 0;
  private size = 0;
  private weight = 0;

  constructor(
    capacity: number,
    private readonly budget: number,
  ) {
    this.slots = Array.from({ length: capacity });
    this.weights = new Uint32Array(capacity);
  }

  /** Adds an event, whose seq must follow that of the last one. */
  push(event: LogEvent): void {
    if (this.size === 0) this.first = event.seq;
    if (this.size === this.slots.length) this.dropOldest();
    const weight = dataWeight(event);
    const slot = event.seq % this.slots.length;
    this.slots[slot] = event;
    this.weights[slot] = weight;
    this.weight += weight;
    this.size++;
    while (this.weight > this.budget) this.dropOldest();
  }

  clear(): void {
    this.slots.fill(undefined);
    this.size = 0;
    this.weight = 0;
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

  private dropOldest(): void {
    const slot = this.first % this.slots.length;
    this.weight -= this.weights[slot] ?? 0;
    this.slots[slot] = undefined;
    this.first++;
    this.size--;
  }
}

/** Assumed size of a value that is not text, or of an object or array without its members, in characters. */
const MEMBER = 16;

/** Returns the approximate size of the event's data in memory, names of fields included, in characters; 0 without data. */
function dataWeight({ data }: LogEvent): number {
  return data === null ? 0 : weightOf(data);
}

/** Recursive: data from the database has few levels (platform/database/bounded-json.ts). */
function weightOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return MEMBER;
  let weight = MEMBER;
  for (const [name, member] of Object.entries(value)) weight += name.length + weightOf(member);
  return weight;
}
