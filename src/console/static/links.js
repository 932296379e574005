/** Returns the address of a view: `linkTo(['alerts', 'rules', id])`, `linkTo(['live'], { tvl: 'lido' })`. */
export function linkTo(path, query = {}) {
  const search = new URLSearchParams(query).toString();
  return `#/${path.map(encodeURIComponent).join('/')}${search && `?${search}`}`;
}

/** Opens a view. */
export function go(path, query) {
  location.hash = linkTo(path, query);
}
