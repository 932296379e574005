const NAME = 'defi-realtime-key';

/**
 * Takes the API key from the address (`#key=…`), from which it is removed at once so that it is neither seen, shared nor kept
 * in the browser's history, else from this tab's storage.
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

/** Whether the address has a key. */
export const hasKey = () => new URLSearchParams(location.hash.slice(1)).has('key');
export const keepKey = (key) => sessionStorage.setItem(NAME, key);
export const forgetKey = () => sessionStorage.removeItem(NAME);
