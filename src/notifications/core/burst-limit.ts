/** Allows everyone a number of actions in each period, independently of the others. */
export class BurstLimit {
  private readonly used = new Map<string, number>();
  private since = -Infinity;

  constructor(
    private readonly most: number,
    private readonly periodMs: number,
  ) {}

  /** Whether `who` may act once more in the present period; counts the action. Times are ms. */
  allows(who: string, now: number): boolean {
    if (now - this.since >= this.periodMs) {
      this.used.clear();
      this.since = now;
    }
    const used = this.used.get(who) ?? 0;
    if (used >= this.most) return false;
    this.used.set(who, used + 1);
    return true;
  }
}
