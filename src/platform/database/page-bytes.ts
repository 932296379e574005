/** Text of a page's rows after which it ends early: what one caller holds in memory, for all pages that it asks for at once. */
const PAGE_BYTES = 2_000_000;

/** A row of a page, with the number of rows that there were for it. */
export interface PageRow {
  /** More than there are rows if the page was cut. */
  found: number;
}

/**
 * The rows of a statement that selects those of a page by descending `position`: a row more only while those before have less
 * than `PAGE_BYTES` of text. `size`: an expression in bytes of a row's text.
 */
export function withinPageBytes(statement: string, size: string): string {
  return `
SELECT * FROM (SELECT p.*, count(*) OVER ()::int AS found,
    sum(${size}) OVER (ORDER BY p.position DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
  FROM (${statement}) p) page
WHERE coalesce(before, 0) < ${PAGE_BYTES} ORDER BY position DESC`;
}
