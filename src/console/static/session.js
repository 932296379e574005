const NAME = 'defi-realtime-key';

/**
 * Returns the API key from the URL (`#key=…`) or else from this tab's storage. It is removed from the URL at once, so
 * that it is not visible, shared or stored in the browser's history.
 */
export function takeKey() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const given = fragment.get('key');
  if (given) {
    sessionStorage.setItem(NAME, given.trim());
    fragment.delete('key');
    const rest = fragment.toString();
    history.replaceState(null, '', location.pathname + location.search + (rest ? `#${rest}` : ''));
  }
  return sessionStorage.getItem(NAME) ?? '';
}

/** Whether the URL contains a key. */
export const hasKey = () => new URLSearchParams(location.hash.slice(1)).has('key');
export const keepKey = (key) => sessionStorage.setItem(NAME, key);
export const forgetKey = () => sessionStorage.removeItem(NAME);
