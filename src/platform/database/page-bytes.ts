/** Bytes of a page's rows after which it ends early: bounds the memory of one caller for all pages requested at once. */
const PAGE_BYTES = 2_000_000;

/** Row of a page, with the number of rows found for it. */
export interface PageRow {
  /** Number of rows found; greater than the number of rows if the page was cut. */
  found: number;
}

/**
 * Returns the statement for the rows of a page, selected by descending `position`, that ends once the rows have `PAGE_BYTES` of
 * text. `size`: an expression of the bytes of a row's text; `position`: the column of that name as a number.
 */
export function withinPageBytes(statement: string, size: string, position = 'position'): string {
  return `
SELECT * FROM (SELECT p.*, count(*) OVER ()::int AS found,
    sum(${size}) OVER (ORDER BY p.${position} DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
  FROM (${statement}) p) page
WHERE coalesce(before, 0) < ${PAGE_BYTES} ORDER BY ${position} DESC`;
}
