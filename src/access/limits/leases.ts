/** Number of slices into which a minute's budget is divided; a process takes one slice at a time. */
const SLICES = 20;
const SWEEP_INTERVAL_MS = 60_000;

/** Uses of the current minute. */
export interface Count {
  used: number;
  /** Time until the window ends and the count returns to zero, ms. */
  resetMs: number;
}

interface Lease {
  /** Uses that were taken from the shared count and are not spent yet. */
  left: number;
  /** End of the shared count's minute, on the clock of `now`, ms. */
  until: number;
  /** Whether the shared budget of this minute is used up. */
  spent: boolean;
  refill?: Promise<void>;
}

/**
 * Lets a process spend a shared budget without a round trip for every use. A process takes a twentieth of the minute's limit
 * at a time and spends it in memory, so a key costs at most 21 round trips per minute and process. All processes together
 * never allow more than the limit. They may allow less: uses that another process has taken but not spent are lost for the
 * minute, at most a twentieth of the limit (at least one use) per process.
 */
export class Leases {
  private readonly leases = new Map<string, Lease>();
  private swept: number;

  /** Creates the leases. `take` adds uses to the shared count; `now` returns ms. */
  constructor(
    private readonly take: (who: string, uses: number) => Promise<Count>,
    private readonly now: () => number,
  ) {
    this.swept = now();
  }

  /** Spends one use and returns whether it is within the limit. Synchronous unless the current slice is used up. */
  spend(who: string, limit: number): boolean | Promise<boolean> {
    const lease = this.current(who);
    if (lease.left > 0) {
      lease.left--;
      return true;
    }
    return lease.spent ? false : this.refillAndSpend(lease, who, limit);
  }

  /** Returns the number of uses that this process has taken and not spent. */
  unused(who: string): number {
    const lease = this.leases.get(who);
    return lease && lease.until > this.now() ? lease.left : 0;
  }

  private async refillAndSpend(lease: Lease, who: string, limit: number): Promise<boolean> {
    await (lease.refill ??= this.refill(lease, who, limit).finally(() => delete lease.refill));
    return this.spend(who, limit);
  }

  private async refill(lease: Lease, who: string, limit: number): Promise<void> {
    const slice = Math.ceil(limit / SLICES);
    const { used, resetMs } = await this.take(who, slice);
    lease.left += Math.max(Math.min(slice, limit - (used - slice)), 0);
    lease.spent = used >= limit;
    lease.until = this.now() + Math.max(resetMs, 1);
  }

  private current(who: string): Lease {
    const now = this.now();
    if (now - this.swept > SWEEP_INTERVAL_MS) this.sweep(now);
    let lease = this.leases.get(who);
    if (lease === undefined) this.leases.set(who, (lease = { left: 0, until: Infinity, spent: false }));
    if (lease.until <= now) Object.assign(lease, { left: 0, until: Infinity, spent: false });
    return lease;
  }

  private sweep(now: number): void {
    this.swept = now;
    for (const [who, lease] of this.leases) if (lease.until <= now && !lease.refill) this.leases.delete(who);
  }
}
