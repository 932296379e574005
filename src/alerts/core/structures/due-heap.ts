/** Binary heap of items by due time, earliest first. Items are numbers, times are Unix ms. */
export class DueHeap {
  private readonly times: number[] = [];
  private readonly items: number[] = [];

  get size(): number {
    return this.times.length;
  }

  /** Whether an item is due at `now`. */
  isDue(now: number): boolean {
    return this.times.length > 0 && this.timeAt(0) <= now;
  }

  push(time: number, item: number): void {
    let at = this.times.length;
    this.times.push(time);
    this.items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.timeAt(parent) <= time) break;
      this.move(parent, at);
      at = parent;
    }
    this.place(at, time, item);
  }

  /** Removes and returns the earliest item if it is due at `now`. */
  popDue(now: number): number | undefined {
    if (!this.isDue(now)) return undefined;
    const top = this.items[0];
    const time = this.times.pop() ?? 0;
    const item = this.items.pop() ?? 0;
    if (this.times.length > 0) this.sinkFromTop(time, item);
    return top;
  }

  private sinkFromTop(time: number, item: number): void {
    const { length } = this.times;
    let at = 0;
    for (let child = 1; child < length; child = 2 * at + 1) {
      if (child + 1 < length && this.timeAt(child + 1) < this.timeAt(child)) child += 1;
      if (this.timeAt(child) >= time) break;
      this.move(child, at);
      at = child;
    }
    this.place(at, time, item);
  }

  private timeAt(index: number): number {
    return this.times[index] ?? Infinity;
  }

  private move(from: number, to: number): void {
    this.place(to, this.timeAt(from), this.items[from] ?? 0);
  }

  private place(at: number, time: number, item: number): void {
    this.times[at] = time;
    this.items[at] = item;
  }
}
