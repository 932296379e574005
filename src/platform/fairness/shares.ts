import { Rotation } from './rotation.js';

interface ShareBounds {
  /** Number of shared places. */
  readonly places: number;
  /** Maximum number of places that one caller may occupy at the same time; undefined: half of all places. */
  readonly perCaller?: number;
  /** Longest wait for a place, ms. */
  readonly waitMs: number;
}

/**
 * Shares a fixed number of places between callers: a caller holds at most half of them, or fewer, and waiting callers take
 * turns. However many requests one caller makes, another waits for at most one of them.
 */
export class Shares {
  private readonly waiting = new Rotation<() => void>();
  private readonly held = new Map<string, number>();
  private taken = 0;

  constructor(private readonly bounds: ShareBounds) {}

  /**
   * Waits for a place and returns the function that frees it. After the longest wait, rejects with the error that `late`
   * creates.
   */
  async enter(caller: string, late: () => Error): Promise<() => void> {
    if (this.mayHave(caller)) this.take(caller);
    else await this.wait(caller, late);
    return () => this.leave(caller);
  }

  private wait(caller: string, late: () => Error): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        if (this.waiting.remove(caller, go)) reject(late());
      }, this.bounds.waitMs).unref();
      this.waiting.add(caller, go);
    });
  }

  private leave(caller: string): void {
    this.taken -= 1;
    const held = (this.held.get(caller) ?? 1) - 1;
    if (held === 0) this.held.delete(caller);
    else this.held.set(caller, held);
    const next = this.waiting.next((name) => this.mayHave(name));
    if (next === undefined) return;
    this.take(next.name);
    next.item();
  }

  private mayHave(caller: string): boolean {
    const { places, perCaller = Infinity } = this.bounds;
    return this.taken < places && (this.held.get(caller) ?? 0) < Math.min(perCaller, Math.ceil(places / 2));
  }

  private take(caller: string): void {
    this.taken += 1;
    this.held.set(caller, (this.held.get(caller) ?? 0) + 1);
  }
}
