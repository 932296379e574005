/** Longest time that has to be waited for: an estimate of costs must not lock a class of work out, ms of the loop. */
const MAX_DEBT_MS = 500;

/**
 * Share of the loop's time that work of one class may fill in the long run. Other work, such as an event on its way to a socket,
 * needs several turns of the loop and would wait in each of them.
 */
export class LoopShare {
  private left: number;
  private at = performance.now();

  /** `share`: 0 to 1; `aheadMs`: time that may be used ahead of it, ms. */
  constructor(
    private readonly share: number,
    private readonly aheadMs: number,
  ) {
    this.left = aheadMs;
  }

  /** Charges time of the loop, ms; a negative one is given back. */
  charge(ms: number): void {
    this.refill();
    this.left = Math.max(Math.min(this.left - ms, this.aheadMs), -MAX_DEBT_MS);
  }

  /** Time until the next work may begin, ms; 0: now. */
  get restMs(): number {
    this.refill();
    return this.left >= 0 ? 0 : -this.left / this.share;
  }

  private refill(): void {
    const now = performance.now();
    this.left = Math.min(this.left + (now - this.at) * this.share, this.aheadMs);
    this.at = now;
  }
}
