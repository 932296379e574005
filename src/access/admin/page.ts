import type { PageInfo } from './page.dto.js';

export const PAGE_ROWS = 100;

export interface Paged<T> {
  data: T[];
  page: PageInfo;
}

/**
 * Makes a page from up to `limit` + 1 rows: the additional row only shows that there is a next page. `position` of the last
 * row in the page becomes the cursor. `found`: number of matching rows if fewer are given because they are large.
 */
export function pageOf<Row, T>(
  rows: readonly Row[],
  limit: number,
  position: (row: Row) => string,
  show: (row: Row) => T,
  found = rows.length,
): Paged<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const more = found > shown.length && last !== undefined;
  return { data: shown.map(show), page: { next_cursor: more ? position(last) : null, has_more: more } };
}
