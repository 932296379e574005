/** Number of faults that a client may make within a period; the next one exceeds it. */
export class Budget {
  private readonly times: number[] = [];

  constructor(
    private readonly allowed: number,
    private readonly windowMs: number,
  ) {}

  /** Counts one more fault; returns true if this exceeds the budget. */
  isExceededBy(now: number): boolean {
    this.times.push(now);
    if (this.times.length <= this.allowed) return false;
    const oldest = this.times.shift() ?? now;
    return now - oldest < this.windowMs;
  }
}
