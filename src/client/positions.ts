import type { Subscriber } from './subscription.js';

/** Store of positions, with the methods of `sessionStorage`; both may be asynchronous. */
export interface PositionStore {
  getItem(key: string): string | null | Promise<string | null>;
  setItem(key: string, value: string): void | Promise<void>;
}

/** Interval at which moved positions are stored, ms; they are also stored when the page ends and when the client closes. */
const SAVE_INTERVAL_MS = 1_000;

/** Stores the positions of subscriptions, so that they continue after a reload. */
export class Positions {
  private readonly keys = new Map<Subscriber, string>();
  private readonly moved = new Set<Subscriber>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly store: PositionStore | undefined,
    private readonly url: string,
    private readonly report: (error: unknown) => void,
  ) {}

  /** Returns the stored position of a subscription, and stores it from now on. */
  load(subscriber: Subscriber, name: string): string | null | Promise<string | null> {
    if (!this.store) return null;
    const key = `defi-realtime ${this.url} ${name}`;
    this.keys.set(subscriber, key);
    return this.store.getItem(key);
  }

  note(subscriber: Subscriber): void {
    if (!this.keys.has(subscriber)) return;
    this.moved.add(subscriber);
    this.timer ??= setTimeout(() => this.save(), SAVE_INTERVAL_MS);
  }

  /** Stores all positions that have moved. */
  save(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const subscriber of this.moved) {
      const key = this.keys.get(subscriber);
      if (key === undefined || subscriber.position === undefined) continue;
      this.put(key, subscriber.position);
    }
    this.moved.clear();
  }

  forget(subscriber: Subscriber): void {
    this.keys.delete(subscriber);
    this.moved.delete(subscriber);
  }

  /** Stores one position. A store may throw or reject, such as a full one. */
  private put(key: string, position: string): void {
    try {
      const stored = this.store?.setItem(key, position);
      if (stored instanceof Promise) stored.catch(this.report);
    } catch (error) {
      this.report(error);
    }
  }
}
