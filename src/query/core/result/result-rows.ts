import { jsonPieces } from '../../../platform/http/json-pieces.js';
import { writeInSlices, type WrittenText } from '../../../platform/http/written-text.js';
import { isoTime } from '../../../platform/input/time.js';
import type { Column } from '../sql/relation.js';

type Row = Readonly<Record<string, unknown>>;

/** Rows of a result as they are sent between processes: values by column, times in Unix ms. */
export interface PackedRows {
  readonly columns: readonly Column[];
  readonly length: number;
  readonly values: readonly (readonly unknown[])[];
}

/** Values of one column. Numbers and times are in typed arrays, which the garbage collector does not scan. */
interface Values {
  get(row: number): unknown;
  /** Estimates the memory of the values and their JSON, bytes; used by the cache only. */
  bytes(): number;
}

/** Maximum number of pages whose JSON a result keeps. */
const MAX_TEXTS = 8;
/** Estimated bytes of a number or a short name, as a value and as text together. */
const BYTES_PER_VALUE = 32;
const MAX_SAMPLES = 16;

/**
 * Rows of a result, stored by column. Stored as objects, thousands of rows in dozens of results a second, kept for seconds,
 * made the garbage collector stop the process for 20 to 50 ms at a time; most of the remaining time was spent writing a
 * page's JSON for each waiting request. Here objects are created only for the rows of a page, and a page's JSON is written
 * once for all requests.
 */
export class ResultRows {
  private readonly texts = new Map<string, Promise<WrittenText>>();

  private constructor(
    private readonly columns: readonly Column[],
    readonly length: number,
    private readonly values: readonly Values[],
  ) {}

  /**
   * Creates a result from database rows: values in the order of the columns, times in Unix ms; further values are ignored.
   */
  static of(columns: readonly Column[], rows: readonly (readonly unknown[])[]): ResultRows {
    const values = columns.map(({ type }, index) => valuesOf(type, rows.length, (row) => rows[row]?.[index]));
    return new ResultRows(columns, rows.length, values);
  }

  /** Restores packed rows; throws if the input is not packed rows. */
  static unpack({ columns, length, values }: PackedRows): ResultRows {
    const unpacked = columns.map(({ type }, index) => valuesOf(type, length, (row) => values[index]?.[row]));
    return new ResultRows(columns, length, unpacked);
  }

  /** Packs the rows for JSON. */
  toJSON(): PackedRows {
    const { columns, length } = this;
    return { columns, length, values: this.values.map((of) => Array.from({ length }, (_, row) => of.get(row))) };
  }

  /** Estimated memory, including the JSON of its pages, bytes. */
  get bytes(): number {
    return this.values.reduce((sum, values) => sum + values.bytes(), 0);
  }

  /** Names of the columns, in order. */
  get names(): string[] {
    return this.columns.map(({ name }) => name);
  }

  /** Returns a function that returns the column's formatted value in a row; null for an unknown column. */
  column(name: string): (row: number) => unknown {
    const index = this.columns.findIndex((column) => column.name === name);
    const values = this.values[index];
    if (values === undefined) return () => null;
    if (this.columns[index]?.type !== 'time') return (row) => values.get(row);
    const textOf = timeTexts();
    return (row) => textOf(values.get(row));
  }

  /** Whether the values of a column are decimal texts, which are sorted as numbers. */
  isDecimal(name: string): boolean {
    return this.columns.find((column) => column.name === name)?.type === 'decimal';
  }

  /** Returns the rows in another order. */
  inOrder(order: Uint32Array): ResultRows {
    const values = this.values.map((of, index) =>
      valuesOf(this.columns[index]?.type, order.length, (row) => of.get(order[row] ?? 0)),
    );
    return new ResultRows(this.columns, order.length, values);
  }

  /** Returns rows as objects. */
  slice(from = 0, to = this.length): Row[] {
    const columns = this.columns.map(({ name }) => ({ name, valueOf: this.column(name) }));
    return Array.from({ length: Math.max(0, Math.min(to, this.length) - from) }, (_, index) => {
      const row: Record<string, unknown> = {};
      for (const { name, valueOf } of columns) row[name] = valueOf(from + index);
      return row;
    });
  }

  /** Returns the rows as a JSON list. It is written in slices, and once for all requests of the same page. */
  text(from: number, to: number): Promise<WrittenText> {
    const key = `${from} ${to}`;
    const known = this.texts.get(key);
    if (known !== undefined) return known;
    const text = writeInSlices(jsonPieces(this.slice(from, to)));
    if (this.texts.size >= MAX_TEXTS) this.texts.clear();
    this.texts.set(key, text);
    return text;
  }
}

function valuesOf(type: Column['type'] | undefined, length: number, of: (row: number) => unknown): Values {
  if (type === 'number' || type === 'time') return numbers(length, of);
  return type === 'text' || type === 'decimal' ? texts(length, of) : others(length, of);
}

/** Creates a column of numbers; NaN represents null. The driver returns values of type `numeric` as text. */
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

/** Creates a column of texts. Many rows share few texts, each of which is stored once. */
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

/** Estimates the length as JSON from a sample, because writing all values would take as long as sending the answer. */
function jsonLength(values: readonly unknown[]): number {
  const step = Math.max(1, Math.ceil(values.length / MAX_SAMPLES));
  const samples = values.filter((_, index) => index % step === 0);
  const length = samples.reduce((sum: number, value) => sum + JSON.stringify(value).length, 0);
  return samples.length === 0 ? 0 : Math.ceil((length * values.length) / samples.length);
}

/**
 * Returns a caching formatter of times: the rows of a result have few different times, and formatting takes longer than a
 * look-up.
 */
function timeTexts(): (time: unknown) => string | null {
  const known = new Map<number, string>();
  return (time) => {
    if (typeof time !== 'number') return null;
    const text = known.get(time) ?? isoTime(time);
    known.set(time, text);
    return text;
  };
}
