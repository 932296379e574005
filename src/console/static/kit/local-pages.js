/**
 * Makes the `read` of a list from rows that come all at once: `load()` reads them for the first page and on reload of it,
 * and the later pages are cut from what it returned.
 */
export function localPages(load) {
  let rows = [];
  return async ({ cursor, limit }) => {
    const from = Number(cursor ?? 0);
    if (from === 0 || rows.length === 0) rows = await load();
    const end = from + limit;
    return { data: rows.slice(from, end), page: { next_cursor: end < rows.length ? String(end) : null } };
  };
}
