/**
 * Rows as CSV (RFC 4180), columns in order of first appearance unless they are given. Lists in a cell are joined by `|`.
 * Text that a spreadsheet would run as a formula gets a leading apostrophe: names come from whoever writes them.
 */
export function toCsv(rows: readonly object[], columns: readonly string[] = columnsOf(rows)): string {
  const lines = rows.map((row) => {
    const cells = new Map<string, unknown>(Object.entries(row));
    return columns.map((column) => cell(cells.get(column))).join(',');
  });
  return [columns.map(cell).join(','), ...lines, ''].join('\r\n');
}

function columnsOf(rows: readonly object[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const plain = typeof value === 'string' ? value : listOrJson(value);
  const text = /^[=+\-@\t\r]/.test(plain) ? `'${plain}` : plain;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function listOrJson(value: unknown): string {
  const flat = Array.isArray(value) && value.every((entry) => typeof entry === 'string');
  return flat ? value.join('|') : JSON.stringify(value);
}
