/** How many faults a client may make within a time; the one after the last allowed says it is over. */
export class Budget {
  private readonly times: number[] = [];

  constructor(
    private readonly allowed: number,
    private readonly windowMs: number,
  ) {}

  /** Notes one more; true when that was too many. */
  isExceededBy(now: number): boolean {
    this.times.push(now);
    if (this.times.length <= this.allowed) return false;
    const oldest = this.times.shift() ?? now;
    return now - oldest < this.windowMs;
  }
}
