import { writeInSlices, type WrittenText } from './written-text.js';

/** Media type of CSV. */
export const CSV = 'text/csv';

/**
 * Returns rows as CSV (RFC 4180). Columns that are not given are the rows' members in order of first appearance. Lists in a
 * cell are joined by `|`. Missing values and empty lists become empty cells; an empty string becomes `""`.
 */
export function toCsv(rows: readonly object[], columns: readonly string[] = columnsOf(rows)): string {
  return [...linesOf(rows, columns)].join('');
}

/** Returns the text of `toCsv`, written in slices so that a long list does not delay other requests. */
export function toCsvInSlices(rows: readonly object[], columns: readonly string[]): Promise<WrittenText> {
  return writeInSlices(linesOf(rows, columns));
}

/** Returns the names of the members of all rows, in order of first appearance. */
export function columnsOf(rows: readonly object[]): string[] {
  const columns = new Set<string>();
  for (const row of rows) for (const name of Object.keys(row)) columns.add(name);
  return [...columns];
}

function* linesOf(rows: readonly object[], columns: readonly string[]): Generator<string> {
  yield `${columns.map(csvCell).join(',')}\r\n`;
  for (const row of rows) {
    const cells = new Map<string, unknown>(Object.entries(row));
    yield `${columns.map((column) => csvCell(cells.get(column))).join(',')}\r\n`;
  }
}

export function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value) && value.length === 0) return '';
  const text = defused(typeof value === 'string' ? value : listOrJson(value));
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** First characters of spreadsheet formulas, including their full-width forms. */
const FORMULA = /^[=+@\t\r＝＋＠]/;
/** First characters of formulas that begin with a minus; `NEGATIVE` exempts a lone minus and negative numbers. */
const MINUS = /^[-－]/;
const NEGATIVE = /^[-－](?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)?$/i;

/** Prefixes an apostrophe to text that a spreadsheet would run as a formula: any writer can choose such a name. */
function defused(text: string): string {
  return FORMULA.test(text) || (MINUS.test(text) && !NEGATIVE.test(text)) ? `'${text}` : text;
}

function listOrJson(value: unknown): string {
  const flat = Array.isArray(value) && value.every((entry) => typeof entry === 'string');
  return flat ? value.join('|') : JSON.stringify(value);
}
