type Numbers = Float64Array | Int32Array;

const FIRST_ROWS = 8;

/** Growing memory of numbers, 0 where nothing was set. */
class Store {
  constructor(private values: Numbers) {}

  get(at: number): number {
    return this.values[at] ?? 0;
  }

  set(at: number, value: number): void {
    if (at >= this.values.length) this.grow(at + 1);
    this.values[at] = value;
  }

  private grow(needed: number): void {
    const length = Math.max(needed, Math.ceil(this.values.length * 1.25));
    const { values } = this;
    const grown = values instanceof Float64Array ? new Float64Array(length) : new Int32Array(length);
    grown.set(values);
    this.values = grown;
  }
}

/**
 * A growing column of numbers, 0 where nothing was set. A million rules as objects would be gigabytes and seconds of
 * garbage collection; as columns they are some hundred bytes each that the collector never looks at. Columns that are
 * read together lie together in memory, because what such a table costs is cache misses.
 */
export class Column {
  private constructor(
    private readonly store: Store,
    private readonly stride: number,
    private readonly offset: number,
  ) {}

  static float64(): Column {
    return new Column(new Store(new Float64Array(FIRST_ROWS)), 1, 0);
  }

  static int32(): Column {
    return new Column(new Store(new Int32Array(FIRST_ROWS)), 1, 0);
  }

  /** As many columns as `next` is called for, at most `count`, that share their memory row by row. */
  static sideBySide(kind: 'float64' | 'int32', count: number): { next: () => Column } {
    const length = count * FIRST_ROWS;
    const store = new Store(kind === 'float64' ? new Float64Array(length) : new Int32Array(length));
    let offset = 0;
    return { next: () => new Column(store, count, offset++) };
  }

  get(row: number): number {
    return this.store.get(row * this.stride + this.offset);
  }

  set(row: number, value: number): void {
    this.store.set(row * this.stride + this.offset, value);
  }
}

/** Hands out row numbers, those that were given back first. */
export class RowNumbers {
  private readonly free: number[] = [];
  private next = 0;

  take(): number {
    return this.free.pop() ?? this.next++;
  }

  giveBack(row: number): void {
    this.free.push(row);
  }
}
