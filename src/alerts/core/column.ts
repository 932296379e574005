/** Rows reserved at first. */
const FIRST_ROWS = 64;
/** Growth factor of a table. Room that was never written takes up addresses, but no memory. */
const GROWTH = 1.5;
const BYTES_PER_WORD = 4;
/** Words of a cache line of the processor. */
const LINE_WORDS = 16;
/**
 * Offset of the first record, bytes: large memory begins 16 bytes behind the start of a page (glibc). With records from the next
 * line on, a record whose size divides a line never lies across two: a third fewer lines to fetch.
 */
const FIRST_BYTE = 48;

/**
 * Growing memory of records of numbers, 0 where nothing was set. A million rules as objects would be gigabytes and seconds of
 * garbage collection; as records they are some hundred bytes each that the collector never visits. Values that are read together
 * lie side by side, because the cost of tables of this size is cache misses.
 */
export class Records {
  ints: Int32Array;
  floats: Float64Array;
  /** Words of one record. */
  readonly words: number;
  private nextFloat = 0;
  private nextInt: number;
  private memory: ArrayBuffer;

  /** Creates records with as many columns as given. */
  constructor({ floats = 0, ints = 0 }: { floats?: number; ints?: number }) {
    this.words = recordWords(2 * floats + ints);
    this.nextInt = 2 * floats;
    this.memory = new ArrayBuffer(FIRST_BYTE + FIRST_ROWS * this.words * BYTES_PER_WORD);
    this.ints = new Int32Array(this.memory, FIRST_BYTE);
    this.floats = new Float64Array(this.memory, FIRST_BYTE);
  }

  /** Returns the next column of 64-bit floats. */
  float64(): FloatColumn {
    return new FloatColumn(this, this.words / 2, this.nextFloat++);
  }

  /** Returns the next column of 32-bit integers. */
  int32(): IntColumn {
    return new IntColumn(this, this.words, this.nextInt++);
  }

  /** Makes room for a row. */
  reserve(row: number): void {
    const needed = (row + 1) * this.words;
    if (needed <= this.ints.length) return;
    const rows = Math.ceil((this.ints.length / this.words) * GROWTH);
    this.memory = this.memory.transfer(FIRST_BYTE + Math.max(needed, rows * this.words) * BYTES_PER_WORD);
    this.ints = new Int32Array(this.memory, FIRST_BYTE);
    this.floats = new Float64Array(this.memory, FIRST_BYTE);
  }
}

/** Returns the words of a record that needs so many: whole floats, and a whole line for a record that nearly fills one. */
function recordWords(needed: number): number {
  return needed > LINE_WORDS - 4 && needed < LINE_WORDS ? LINE_WORDS : needed + (needed % 2);
}

/** One integer of every record. Rows must be reserved before they are set. */
export class IntColumn {
  constructor(
    private readonly records: Records,
    private readonly stride: number,
    private readonly offset: number,
  ) {}

  get(row: number): number {
    return this.records.ints[row * this.stride + this.offset] ?? 0;
  }

  set(row: number, value: number): void {
    this.records.ints[row * this.stride + this.offset] = value;
  }
}

/** One float of every record, as `IntColumn`. A class of its own, so that the compiler knows the type that either reads. */
export class FloatColumn {
  constructor(
    private readonly records: Records,
    private readonly stride: number,
    private readonly offset: number,
  ) {}

  get(row: number): number {
    return this.records.floats[row * this.stride + this.offset] ?? 0;
  }

  set(row: number, value: number): void {
    this.records.floats[row * this.stride + this.offset] = value;
  }
}

/** Row numbers: returned ones are assigned first. */
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
