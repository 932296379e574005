/**
 * Size of a page's rows after which the page ends early, bytes. It bounds the memory that one caller's parallel page
 * requests need.
 */
const PAGE_BYTES = 2_000_000;

export interface PageRow {
  /** Number of rows that the statement found; greater than the number of rows in the page if the page was cut. */
  found: number;
}

/**
 * Returns a statement for a page of rows by descending `position`; the page ends once its rows have `PAGE_BYTES` of text.
 * `size`: SQL expression for the bytes of a row's text. `position`: column with the row's position as a number.
 */
export function withinPageBytes(statement: string, size: string, position = 'position'): string {
  return `
SELECT * FROM (SELECT p.*, count(*) OVER ()::int AS found,
    sum(${size}) OVER (ORDER BY p.${position} DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
  FROM (${statement}) p) page
WHERE coalesce(before, 0) < ${PAGE_BYTES} ORDER BY ${position} DESC`;
}
