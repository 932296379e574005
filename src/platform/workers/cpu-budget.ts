interface Spent {
  ms: number;
  at: number;
}

const MINUTE_MS = 60_000;

/**
 * Budget of CPU time per key: a bucket that refills steadily. A key may spend a whole minute's budget in one burst, then as
 * much as is refilled.
 */
export class CpuBudget {
  private readonly spent = new Map<string, Spent>();

  constructor(private readonly msPerMinute: number) {}

  /** Returns the ms until the key may spend again; 0: it may now. */
  waitMs(key: string, now: number): number {
    const left = this.level(key, now) - this.msPerMinute;
    return left <= 0 ? 0 : Math.ceil((left * MINUTE_MS) / this.msPerMinute);
  }

  spend(key: string, ms: number, now: number): void {
    this.spent.set(key, { ms: this.level(key, now) + ms, at: now });
    if (this.spent.size > 10_000) this.sweep(now);
  }

  private level(key: string, now: number): number {
    const known = this.spent.get(key);
    if (known === undefined) return 0;
    return Math.max(0, known.ms - (Math.max(0, now - known.at) * this.msPerMinute) / MINUTE_MS);
  }

  private sweep(now: number): void {
    for (const key of this.spent.keys()) if (this.level(key, now) === 0) this.spent.delete(key);
  }
}
