import { encodeCursor } from './list-cursor.js';
import type { PageInfo } from './page.dto.js';

export interface Paged<T> {
  data: T[];
  page: PageInfo;
}

interface PageOptions<Row> {
  /** Name of the list and everything that filters its rows, as for `decodeNumber`. */
  scope: unknown;
  limit: number;
  /** Returns the number of a row, by which the list is sorted. */
  position: (row: Row) => string | number;
  /** Number of matching rows if fewer are given because they are large. */
  found?: number | undefined;
}

/** Makes a page from up to `limit` + 1 numbered rows: the additional row only shows that there is a next page. */
export function pageOf<Row, T>(
  rows: readonly Row[],
  { scope, limit, position, found = rows.length }: PageOptions<Row>,
  show: (row: Row) => T,
): Paged<T> {
  const shown = rows.slice(0, limit);
  const last = found > shown.length ? shown.at(-1) : undefined;
  const cursor = last === undefined ? null : encodeCursor(scope, [String(position(last))]);
  return { data: shown.map(show), page: pageInfo(cursor) };
}

/** Returns the position of the next page; `cursor` is null on the last page. */
export function pageInfo(cursor: string | null): PageInfo {
  return { next_cursor: cursor, has_more: cursor !== null };
}
