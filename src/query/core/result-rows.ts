import { jsonPieces } from '../../platform/http/json-pieces.js';
import { writeInSlices, type WrittenText } from '../../platform/http/written-text.js';
import type { Column } from './relation.js';
import { isoTime } from './time.js';

export type Row = Readonly<Record<string, unknown>>;

/** A result's rows as they travel between processes: values column by column, times in Unix ms. */
export interface PackedRows {
  readonly columns: readonly Column[];
  readonly length: number;
  readonly values: readonly (readonly unknown[])[];
}

/** The values of one column; numbers and times stand in memory that the garbage collector does not look through. */
interface Values {
  get(row: number): unknown;
  /** About what they and their text take, in bytes; only the cache asks. */
  bytes(): number;
}

/** Texts of pages that a result keeps. */
const MOST_TEXTS = 8;
/** Of a number or a short name, as a value and as text. */
const BYTES_PER_VALUE = 32;
const MOST_SAMPLES = 16;

/**
 * The rows of a result by columns. Thousands of rows as objects, of which dozens of results a second are made and kept for
 * seconds, were what the garbage collector held everything up for, 20 to 50 ms at a time; and writing a page as JSON for
 * each of those who wait for it was most of the rest. Objects are made of the rows of a page alone, and its JSON is
 * written once for all.
 */
export class ResultRows {
  private readonly texts = new Map<string, Promise<WrittenText>>();

  private constructor(
    private readonly columns: readonly Column[],
    readonly length: number,
    private readonly values: readonly Values[],
  ) {}

  /** Of rows as the database gives them: values in the order of the columns, times in Unix ms; what comes behind is left out. */
  static of(columns: readonly Column[], rows: readonly (readonly unknown[])[]): ResultRows {
    const values = columns.map(({ type }, index) => valuesOf(type, rows.length, (row) => rows[row]?.[index]));
    return new ResultRows(columns, rows.length, values);
  }

  /** Throws if it is none. */
  static unpack({ columns, length, values }: PackedRows): ResultRows {
    const unpacked = columns.map(({ type }, index) => valuesOf(type, length, (row) => values[index]?.[row]));
    return new ResultRows(columns, length, unpacked);
  }

  /** For JSON. */
  toJSON(): PackedRows {
    const { columns, length } = this;
    return { columns, length, values: this.values.map((of) => Array.from({ length }, (_, row) => of.get(row))) };
  }

  /** About what it takes, with the texts of its pages, in bytes. */
  get bytes(): number {
    return this.values.reduce((sum, values) => sum + values.bytes(), 0);
  }

  /** Of its columns, in order. */
  get names(): string[] {
    return this.columns.map(({ name }) => name);
  }

  /** How the values of a column are to be had by row, as answers show them; null where there is none of that name. */
  column(name: string): (row: number) => unknown {
    const index = this.columns.findIndex((column) => column.name === name);
    const values = this.values[index];
    if (values === undefined) return () => null;
    if (this.columns[index]?.type !== 'time') return (row) => values.get(row);
    const textOf = timeTexts();
    return (row) => textOf(values.get(row));
  }

  /** The rows in another order. */
  inOrder(order: Uint32Array): ResultRows {
    const values = this.values.map((of, index) =>
      valuesOf(this.columns[index]?.type, order.length, (row) => of.get(order[row] ?? 0)),
    );
    return new ResultRows(this.columns, order.length, values);
  }

  /** Rows as objects. */
  slice(from = 0, to = this.length): Row[] {
    const columns = this.columns.map(({ name }) => ({ name, valueOf: this.column(name) }));
    return Array.from({ length: Math.max(0, Math.min(to, this.length) - from) }, (_, index) => {
      const row: Record<string, unknown> = {};
      for (const { name, valueOf } of columns) row[name] = valueOf(from + index);
      return row;
    });
  }

  /** The same as a list in JSON, written in slices, once for all. */
  text(from: number, to: number): Promise<WrittenText> {
    const key = `${from} ${to}`;
    const known = this.texts.get(key);
    if (known !== undefined) return known;
    const text = writeInSlices(jsonPieces(this.slice(from, to)));
    if (this.texts.size >= MOST_TEXTS) this.texts.clear();
    this.texts.set(key, text);
    return text;
  }
}

function valuesOf(type: Column['type'] | undefined, length: number, of: (row: number) => unknown): Values {
  if (type === 'number' || type === 'time') return numbers(length, of);
  return type === 'text' ? texts(length, of) : others(length, of);
}

/** NaN stands for null. The driver gives what the database computed as `numeric` as text. */
function numbers(length: number, of: (row: number) => unknown): Values {
  const all = new Float64Array(length);
  for (let row = 0; row < length; row += 1) {
    const value = of(row);
    all[row] = value === null || value === undefined ? NaN : Number(value);
  }
  const get = (row: number): number | null => {
    const value = all[row] ?? NaN;
    return Number.isNaN(value) ? null : value;
  };
  return { get, bytes: () => BYTES_PER_VALUE * length };
}

/** Many rows share few names: each is kept once. */
function texts(length: number, of: (row: number) => unknown): Values {
  const codes = new Uint32Array(length);
  const distinct: unknown[] = [];
  const codeOf = new Map<unknown, number>();
  let bytes = 0;
  for (let row = 0; row < length; row += 1) {
    const value = of(row) ?? null;
    let code = codeOf.get(value);
    if (code === undefined) {
      code = distinct.push(value) - 1;
      codeOf.set(value, code);
    }
    codes[row] = code;
    if (typeof value === 'string') bytes += value.length;
  }
  return { get: (row) => distinct[codes[row] ?? 0], bytes: () => bytes + BYTES_PER_VALUE * length };
}

function others(length: number, of: (row: number) => unknown): Values {
  const all = Array.from({ length }, (_, row) => of(row) ?? null);
  return { get: (row) => all[row], bytes: () => 2 * jsonLength(all) };
}

/** About how long they are as JSON: by some of them, for writing all would take as long as answering. */
function jsonLength(values: readonly unknown[]): number {
  const step = Math.max(1, Math.ceil(values.length / MOST_SAMPLES));
  const samples = values.filter((_, index) => index % step === 0);
  const length = samples.reduce((sum: number, value) => sum + JSON.stringify(value).length, 0);
  return samples.length === 0 ? 0 : Math.ceil((length * values.length) / samples.length);
}

/** Rows of a result share few times, and writing one takes longer than finding it. */
function timeTexts(): (time: unknown) => string | null {
  const known = new Map<number, string>();
  return (time) => {
    if (typeof time !== 'number') return null;
    const text = known.get(time) ?? isoTime(time);
    known.set(time, text);
    return text;
  };
}
