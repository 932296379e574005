import type { Hash } from '../core/index.js';

/** Returns bytes as an element of an array in PostgreSQL's text form; null stays null. */
export const byteCell = (hex: Hash | null): string | null => (hex === null ? null : `"\\\\x${hex.slice(2)}"`);

type Cell = string | number | bigint | boolean | null;

/**
 * Parameters of a statement that unnests its rows: an array per column. The driver quotes and escapes every element of an array;
 * here the elements are numbers, bytes and lists of numbers, which need neither.
 */
export class Columns {
  private readonly columns: Cell[][];

  constructor(width: number) {
    this.columns = Array.from({ length: width }, () => []);
  }

  get length(): number {
    return this.columns[0]?.length ?? 0;
  }

  /** Adds a row. */
  add(...cells: readonly Cell[]): void {
    for (let at = 0; at < cells.length; at++) this.columns[at]?.push(cells[at] ?? null);
  }

  /** Returns the arrays in PostgreSQL's text form. */
  literals(): string[] {
    return this.columns.map((column) => `{${column.map((cell) => cell ?? 'NULL').join(',')}}`);
  }
}

/** Rows of one statement: building and sending them takes a few milliseconds. */
const ROWS_PER_STATEMENT = 2_500;

/** Splits rows into parts that one statement takes. */
export function* statementsOf<T>(rows: readonly T[]): Generator<readonly T[]> {
  if (rows.length <= ROWS_PER_STATEMENT) {
    if (rows.length > 0) yield rows;
    return;
  }
  for (let from = 0; from < rows.length; from += ROWS_PER_STATEMENT) yield rows.slice(from, from + ROWS_PER_STATEMENT);
}
