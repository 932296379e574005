import { writeInSlices, type WrittenText } from './written-text.js';

/** Its media type. */
export const CSV = 'text/csv';

/**
 * Rows as CSV (RFC 4180), columns in order of first appearance unless they are given. Lists in a cell are joined by `|`. What
 * is missing, and a list of nothing, is an empty cell; an empty text is `""`.
 */
export function toCsv(rows: readonly object[], columns: readonly string[] = columnsOf(rows)): string {
  return [...linesOf(rows, columns)].join('');
}

/** The same, written in slices, so that nobody waits for the long list of somebody else. */
export function toCsvInSlices(rows: readonly object[], columns: readonly string[]): Promise<WrittenText> {
  return writeInSlices(linesOf(rows, columns));
}

/** The names of all members of all rows. */
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

/** What a spreadsheet takes for the beginning of a formula, full-width forms included. */
const FORMULA = /^[=+@\t\r＝＋＠]/;
/** A minus, and what may stand behind one: nothing, or a plain number. */
const MINUS = /^[-－]/;
const NEGATIVE = /^[-－](?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)?$/i;

/** Text that a spreadsheet would run as a formula gets a leading apostrophe: names come from whoever writes them. */
function defused(text: string): string {
  return FORMULA.test(text) || (MINUS.test(text) && !NEGATIVE.test(text)) ? `'${text}` : text;
}

function listOrJson(value: unknown): string {
  const flat = Array.isArray(value) && value.every((entry) => typeof entry === 'string');
  return flat ? value.join('|') : JSON.stringify(value);
}
