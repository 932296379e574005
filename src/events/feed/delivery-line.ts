import type { LogEvent } from '../core/log-event.js';

/** Work of one turn of the event loop, ms: other input waits no longer than this and the current part. */
const TURN_MS = 4;
/** Time that a part may take before the next ones are smaller, and below which they are larger, ms. */
const LONG_PART_MS = 2;
const SHORT_PART_MS = 1;
const MAX_PART = 256;
/** Events that may wait; further ones are read from the log when these have been delivered. */
const MAX_WAITING = 20_000;
/** Number of waiting parts from which the line is long: more than a few turns of the event loop. */
const LONG_PARTS = 8;

/**
 * Line of events in order that wait for their delivery. A few are delivered at once; thousands, which one statement of a writer can
 * change, are delivered in parts, in several turns of the event loop, since each of them may reach every connection.
 */
export class DeliveryLine {
  private waiting: readonly LogEvent[] = [];
  /** Index of the first event that still waits. */
  private next = 0;
  private part = 16;
  private turn: NodeJS.Immediate | undefined;
  private whenEmpty: (() => void)[] = [];

  constructor(private readonly deliver: (part: readonly LogEvent[]) => void) {}

  /** Last event that waits. */
  get last(): LogEvent | undefined {
    return this.isEmpty ? undefined : this.waiting.at(-1);
  }

  /** Whether delivering the waiting events takes more than a few turns of the event loop. */
  get isLong(): boolean {
    return this.waiting.length - this.next > LONG_PARTS * this.part;
  }

  /** Adds events behind the waiting ones; returns false, and adds none, if too many wait. Begins to deliver at once. */
  add(events: readonly LogEvent[]): boolean {
    if (!this.isEmpty && this.waiting.length - this.next + events.length > MAX_WAITING) return false;
    this.waiting = this.isEmpty ? events : [...this.waiting.slice(this.next), ...events];
    this.next = 0;
    if (this.turn === undefined) this.work();
    return true;
  }

  /** Resolves when no event waits. */
  async emptied(): Promise<void> {
    while (!this.isEmpty) await new Promise<void>((resolve) => this.whenEmpty.push(resolve));
  }

  /** Drops the events that wait. */
  clear(): void {
    clearImmediate(this.turn);
    this.turn = undefined;
    this.waiting = [];
    this.next = 0;
    this.answer();
  }

  private get isEmpty(): boolean {
    return this.next >= this.waiting.length;
  }

  private work(): void {
    // Set while events are delivered: a listener that publishes adds its events behind those that wait.
    this.turn = setImmediate(() => this.work());
    const end = performance.now() + TURN_MS;
    while (!this.isEmpty && performance.now() < end) this.deliverPart();
    if (this.isEmpty) this.clear();
  }

  private deliverPart(): void {
    const part = this.waiting.slice(this.next, this.next + this.part);
    this.next += part.length;
    const begun = performance.now();
    this.deliver(part);
    const ms = performance.now() - begun;
    if (ms > LONG_PART_MS) this.part = Math.max(1, this.part >> 1);
    else if (ms < SHORT_PART_MS) this.part = Math.min(MAX_PART, this.part * 2);
  }

  private answer(): void {
    const resolves = this.whenEmpty;
    this.whenEmpty = [];
    for (const resolve of resolves) resolve();
  }
}
