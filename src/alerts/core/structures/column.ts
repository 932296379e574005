/** Number of rows reserved at first. */
const FIRST_ROWS = 64;
/** Growth factor of a table. Reserved rows that were never written use address space but no memory. */
const GROWTH = 1.5;
const BYTES_PER_WORD = 4;
/** Number of 32-bit words in a cache line of the processor. */
const LINE_WORDS = 16;
/**
 * Offset of the first record, bytes. glibc places large memory blocks 16 bytes after the start of a page. With this
 * offset records start at a cache line, so a record whose size divides a line never spans two lines, which saves a third
 * of the cache lines fetched.
 */
const FIRST_BYTE = 48;

/**
 * Growing memory for records of numbers, initially 0. A million rules as objects would take gigabytes, and garbage
 * collection would take seconds; as records they take some hundred bytes each, which the collector never visits. Values
 * that are read together are adjacent, because cache misses dominate the cost of tables of this size.
 */
export class Records {
  ints: Int32Array;
  floats: Float64Array;
  /** Number of 32-bit words in one record. */
  readonly words: number;
  private nextFloat = 0;
  private nextInt: number;
  private memory: ArrayBuffer;

  /** Creates records with the given numbers of columns. */
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

  /** Reserves memory up to and including a row. */
  reserve(row: number): void {
    const needed = (row + 1) * this.words;
    if (needed <= this.ints.length) return;
    const rows = Math.ceil((this.ints.length / this.words) * GROWTH);
    this.memory = this.memory.transfer(FIRST_BYTE + Math.max(needed, rows * this.words) * BYTES_PER_WORD);
    this.ints = new Int32Array(this.memory, FIRST_BYTE);
    this.floats = new Float64Array(this.memory, FIRST_BYTE);
  }
}

/**
 * Returns the number of words of a record: rounded up to whole floats, or to a whole cache line if the record nearly
 * fills one.
 */
function recordWords(needed: number): number {
  return needed > LINE_WORDS - 4 && needed < LINE_WORDS ? LINE_WORDS : needed + (needed % 2);
}

/** One integer column of all records. Rows must be reserved before they are set. */
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

/** One float column of all records. Separate from `IntColumn`, so that the compiler knows the element type of each. */
class FloatColumn {
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

/** Assigns row numbers, released ones first. */
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
