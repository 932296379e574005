/**
 * Makes the `read` of a list from rows that come all at once: `load()` reads them for the first page, and again when the
 * shown page is read again; other pages are cut from what it returned.
 */
export function localPages(load) {
  let rows = [];
  let shown = 0;
  return async ({ cursor, limit }) => {
    const from = Number(cursor ?? 0);
    if (from === 0 || from === shown) rows = await load();
    shown = from;
    const end = from + limit;
    return { data: rows.slice(from, end), page: { next_cursor: end < rows.length ? String(end) : null } };
  };
}
