const NAME = 'defi-realtime-key';

/**
 * Returns the API key from the URL (`#key=…`, `#/alerts?key=…`) or else from this tab's storage. It is removed from the URL at once, so
 * that it is not visible, shared or stored in the browser's history.
 */
export function takeKey() {
  const [route, fragment] = fragmentOf(location.hash);
  const given = fragment.get('key');
  if (given) {
    sessionStorage.setItem(NAME, given.trim());
    fragment.delete('key');
    const rest = [route, fragment.toString()].filter(Boolean).join('?');
    history.replaceState(null, '', location.pathname + location.search + (rest ? `#${rest}` : ''));
  }
  return sessionStorage.getItem(NAME) ?? '';
}

/** Whether the URL contains a key. */
export const hasKey = () => fragmentOf(location.hash)[1].has('key');
export const keepKey = (key) => sessionStorage.setItem(NAME, key);
export const forgetKey = () => sessionStorage.removeItem(NAME);

/** Returns the path of a fragment, empty without one, and its parameters. */
function fragmentOf(hash) {
  const text = hash.slice(1);
  if (!text.startsWith('/')) return ['', new URLSearchParams(text)];
  const at = text.indexOf('?');
  return at < 0 ? [text, new URLSearchParams()] : [text.slice(0, at), new URLSearchParams(text.slice(at + 1))];
}
