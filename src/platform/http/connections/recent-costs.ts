/** Time after which costs are forgotten, ms: at least once, at most twice. */
const WINDOW_MS = 10_000;

/** Costs of each name within the last seconds. */
export class RecentCosts {
  private current = new Map<string, number>();
  private previous = new Map<string, number>();
  private since = performance.now();

  add(name: string, cost: number): void {
    this.moveOn();
    this.current.set(name, (this.current.get(name) ?? 0) + cost);
  }

  of(name: string): number {
    this.moveOn();
    return (this.current.get(name) ?? 0) + (this.previous.get(name) ?? 0);
  }

  private moveOn(): void {
    const now = performance.now();
    const windows = Math.floor((now - this.since) / WINDOW_MS);
    if (windows === 0) return;
    this.previous = windows === 1 ? this.current : new Map();
    this.current = new Map();
    this.since = now;
  }
}
