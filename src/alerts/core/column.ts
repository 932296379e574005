type Numbers = Float64Array | Int32Array;

/** Cells per piece of memory, as a power of two. */
const CHUNK_BITS = 12;
const CHUNK = 2 ** CHUNK_BITS;

/** Growing memory of numbers, 0 where nothing was set. It grows by pieces: nothing is ever copied or left half empty. */
class Store {
  private readonly chunks: Numbers[] = [];

  constructor(private readonly newChunk: () => Numbers) {}

  get(at: number): number {
    return this.chunks[at >>> CHUNK_BITS]?.[at & (CHUNK - 1)] ?? 0;
  }

  set(at: number, value: number): void {
    while (at >= this.chunks.length * CHUNK) this.chunks.push(this.newChunk());
    const chunk = this.chunks[at >>> CHUNK_BITS];
    if (chunk) chunk[at & (CHUNK - 1)] = value;
  }
}

const newStore = {
  float64: () => new Store(() => new Float64Array(CHUNK)),
  int32: () => new Store(() => new Int32Array(CHUNK)),
};

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
    return new Column(newStore.float64(), 1, 0);
  }

  static int32(): Column {
    return new Column(newStore.int32(), 1, 0);
  }

  /** As many columns as `next` is called for, at most `count`, that share their memory row by row. */
  static sideBySide(kind: 'float64' | 'int32', count: number): { next: () => Column } {
    const store = newStore[kind]();
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
