/**
 * Number of entries from which new ones are collected in a separate run, because moving a hundred thousand entries per
 * insert is too slow.
 */
const COLLECT_FROM = 4_096;
const MAX_COLLECTED = 2_048;

/** Range of values, bounds excluded. */
export interface Bounds {
  low: number;
  high: number;
}

/**
 * Thresholds in ascending order, each with its leaf; equal thresholds are ordered by leaf. Threshold and leaf alternate
 * in one array: most lists are short, so the number of arrays determines the memory.
 */
class SortedRun {
  private entries = new Float64Array(4);
  length = 0;
  /** Position at which the last search ended. */
  private lately = 0;

  valueAt(index: number): number {
    return this.entries[2 * index] ?? NaN;
  }

  leafAt(index: number): number {
    return this.entries[2 * index + 1] ?? 0;
  }

  /**
   * Returns the position of the first entry that is not below `value`. Searches from the end of the last search with
   * doubling steps: a number moves in small steps, and half of a binary search over thousands of entries would be cache
   * misses.
   */
  from(value: number): number {
    let low = 0;
    let high = this.length;
    let at = Math.min(this.lately, this.length);
    if (at < this.length && this.valueAt(at) < value) {
      for (let step = 1; at < this.length && this.valueAt(at) < value; step *= 2) {
        low = at + 1;
        at += step;
      }
      high = Math.min(at, this.length);
    } else {
      for (let step = 1; at > 0; step *= 2) {
        high = at;
        at -= step;
        if (at < 0 || this.valueAt(at) >= value) continue;
        low = at + 1;
        break;
      }
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.valueAt(middle) < value) low = middle + 1;
      else high = middle;
    }
    this.lately = low;
    return low;
  }

  insert(value: number, leaf: number): void {
    const at = this.positionOf(value, leaf);
    this.reserve(this.length + 1);
    this.entries.copyWithin(2 * at + 2, 2 * at, 2 * this.length);
    this.put(at, value, leaf);
    this.length += 1;
  }

  remove(value: number, leaf: number): boolean {
    const at = this.positionOf(value, leaf);
    if (at >= this.length || this.valueAt(at) !== value || this.leafAt(at) !== leaf) return false;
    this.entries.copyWithin(2 * at, 2 * at + 2, 2 * this.length);
    this.length -= 1;
    return true;
  }

  visit(low: number, high: number, visitor: (leaf: number) => void): void {
    for (let at = this.from(low); at < this.length && this.valueAt(at) <= high; at += 1) visitor(this.leafAt(at));
  }

  narrow(bounds: Bounds, value: number): void {
    const at = this.from(value);
    if (at < this.length) bounds.high = Math.min(bounds.high, this.valueAt(at));
    if (at < this.length && this.valueAt(at) === value) bounds.low = value;
    else if (at > 0) bounds.low = Math.max(bounds.low, this.valueAt(at - 1));
  }

  /** Moves all entries of `other` here, starting with the last, so that every entry moves at most once. */
  absorb(other: SortedRun): void {
    let mine = this.length - 1;
    let theirs = other.length - 1;
    this.reserve(this.length + other.length);
    this.length += other.length;
    for (let to = this.length - 1; theirs >= 0; to -= 1) {
      if (mine >= 0 && this.follows(mine, other, theirs)) {
        this.put(to, this.valueAt(mine), this.leafAt(mine));
        mine -= 1;
      } else {
        this.put(to, other.valueAt(theirs), other.leafAt(theirs));
        theirs -= 1;
      }
    }
    other.length = 0;
  }

  private follows(mine: number, other: SortedRun, theirs: number): boolean {
    const value = this.valueAt(mine);
    const than = other.valueAt(theirs);
    return value === than ? this.leafAt(mine) > other.leafAt(theirs) : value > than;
  }

  private positionOf(value: number, leaf: number): number {
    let low = this.from(value);
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.valueAt(middle) === value && this.leafAt(middle) < leaf) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private put(index: number, value: number, leaf: number): void {
    this.entries[2 * index] = value;
    this.entries[2 * index + 1] = leaf;
  }

  private reserve(entries: number): void {
    if (2 * entries <= this.entries.length) return;
    const grown = new Float64Array(2 * Math.max(entries, Math.ceil(this.length * 1.25)));
    grown.set(this.entries.subarray(0, 2 * this.length));
    this.entries = grown;
  }
}

/**
 * Thresholds of all conditions on one number. When the number moves, only leaves with a threshold between its old and its
 * new value can change, and these are adjacent: two searches find them, regardless of the number of thresholds. Entries
 * are inserted into the run itself, which saves one object, until it is so long that new entries are collected
 * separately.
 */
export class ThresholdList extends SortedRun {
  private collected: SortedRun | undefined;

  get size(): number {
    return this.length + (this.collected?.length ?? 0);
  }

  /** Lowest threshold; Infinity if there is none. */
  get lowest(): number {
    const first = this.length > 0 ? this.valueAt(0) : Infinity;
    return this.collected && this.collected.length > 0 ? Math.min(first, this.collected.valueAt(0)) : first;
  }

  /** Inserts a threshold. Amortised below 10 µs with 300,000 entries; the longest single call moves all entries once. */
  override insert(value: number, leaf: number): void {
    if (this.length < COLLECT_FROM) {
      super.insert(value, leaf);
      return;
    }
    this.collected ??= new SortedRun();
    this.collected.insert(value, leaf);
    if (this.collected.length >= MAX_COLLECTED) this.absorb(this.collected);
  }

  override remove(value: number, leaf: number): boolean {
    return this.collected?.remove(value, leaf) || super.remove(value, leaf);
  }

  /**
   * Calls `visitor` with every leaf that has a threshold in [low, high]; twice for a leaf with two thresholds in the
   * range.
   */
  override visit(low: number, high: number, visitor: (leaf: number) => void): void {
    super.visit(low, high, visitor);
    this.collected?.visit(low, high, visitor);
  }

  /** Narrows the bounds to the thresholds next to the value; to the value itself if it equals a threshold. */
  override narrow(bounds: Bounds, value: number): void {
    super.narrow(bounds, value);
    this.collected?.narrow(bounds, value);
  }
}
