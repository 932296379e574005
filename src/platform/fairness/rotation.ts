/**
 * Queue of items by name. Names take turns, one item each, so that a name with a thousand waiting items delays another name
 * by one item only.
 */
export class Rotation<T> {
  /** Waiting items by name; the name whose turn is next is first. */
  private readonly waiting = new Map<string, T[]>();

  get isEmpty(): boolean {
    return this.waiting.size === 0;
  }

  /** Number of names that wait. */
  get names(): number {
    return this.waiting.size;
  }

  add(name: string, item: T): void {
    const items = this.waiting.get(name);
    if (items === undefined) this.waiting.set(name, [item]);
    else items.push(item);
  }

  /** Removes and returns the next item of a name for which `may` is true; that name then moves to the end of the queue. */
  next(may: (name: string) => boolean = () => true): { name: string; item: T } | undefined {
    for (const [name, items] of this.waiting) {
      if (!may(name)) continue;
      const [item] = items.splice(0, 1);
      this.waiting.delete(name);
      if (items.length > 0) this.waiting.set(name, items);
      if (item !== undefined) return { name, item };
    }
    return undefined;
  }

  /** Like `next`, of the name with the lowest cost; of equal ones the last that was added. */
  cheapest(costOf: (name: string) => number): { name: string; item: T } | undefined {
    let best: { name: string; cost: number } | undefined;
    for (const name of this.waiting.keys()) {
      const cost = costOf(name);
      if (best === undefined || cost <= best.cost) best = { name, cost };
    }
    return best && this.next((name) => name === best.name);
  }

  /** Removes an item before its turn; returns false if `next` has already returned it. */
  remove(name: string, item: T): boolean {
    const items = this.waiting.get(name);
    const index = items?.indexOf(item) ?? -1;
    if (items === undefined || index < 0) return false;
    items.splice(index, 1);
    if (items.length === 0) this.waiting.delete(name);
    return true;
  }
}
