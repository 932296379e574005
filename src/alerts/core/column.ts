type Numbers = Float64Array | Int32Array | Uint16Array;

/**
 * A growing column of numbers, 0 where nothing was set. A million rules as objects would be gigabytes and seconds of
 * garbage collection; as columns they are some hundred bytes each that the collector never looks at.
 */
export class Column {
  private constructor(private values: Numbers) {}

  static float64(): Column {
    return new Column(new Float64Array(64));
  }

  static int32(): Column {
    return new Column(new Int32Array(64));
  }

  static uint16(): Column {
    return new Column(new Uint16Array(64));
  }

  get(row: number): number {
    return this.values[row] ?? 0;
  }

  set(row: number, value: number): void {
    if (row >= this.values.length) this.grow(row + 1);
    this.values[row] = value;
  }

  private grow(needed: number): void {
    const length = Math.max(needed, Math.ceil(this.values.length * 1.5));
    const { values } = this;
    const grown =
      values instanceof Float64Array
        ? new Float64Array(length)
        : values instanceof Int32Array
          ? new Int32Array(length)
          : new Uint16Array(length);
    grown.set(values);
    this.values = grown;
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
