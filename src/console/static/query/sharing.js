import { byId, el, setText } from '../dom.js';
import { linkTo } from '../links.js';

/** Shares and stores what the editor has: a link with the query in its fragment, the answer as a CSV file, the plan. */
export function startSharing({ api, signal }, read, fail) {
  const press = (id, action) => byId(id).addEventListener('click', (event) => void action(event.currentTarget));
  press('query-link', async (button) => {
    const query = read();
    if (!query) return;
    const label = button.textContent;
    // The fragment never leaves the browser, and the key is not part of it.
    const link = `${location.origin}/${linkOf(query)}`;
    history.replaceState(null, '', linkOf(query));
    try {
      await navigator.clipboard.writeText(link);
      setText(button, 'Copied');
    } catch {
      // The clipboard is available only on https and localhost; the address bar has the link.
      setText(button, 'In the address');
    }
    setTimeout(() => setText(button, label), 1_500);
  });
  press('query-file', async () => {
    const query = read();
    if (!query) return;
    try {
      const text = await api.text('/v1/query/advanced', query, 'text/csv', signal);
      const href = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
      el('a', { href, download: 'query.csv' }).click();
      setTimeout(() => URL.revokeObjectURL(href), 10_000);
    } catch (error) {
      if (!signal.aborted) fail(error);
    }
  });
  press('query-explain', async () => {
    const query = read();
    if (!query) return;
    try {
      const { explain } = await api.ask({ ...query, explain: true }, signal);
      byId('query-plan').replaceChildren(
        ...Object.entries(explain).flatMap(([name, value]) => [
          el('dt', {}, name.replaceAll('_', ' ')),
          el('dd', {}, typeof value === 'object' ? JSON.stringify(value) : String(value)),
        ]),
      );
      byId('query-plan').hidden = false;
    } catch (error) {
      if (!signal.aborted) fail(error);
    }
  });
}

/** Address of the view with a query. */
const linkOf = (query) => linkTo(['query'], { q: JSON.stringify(query) });

/** Returns the query of an address as written text; undefined without one. */
export function queryOf({ query }, written) {
  const text = query.get('q');
  if (!text) return undefined;
  try {
    return written(JSON.parse(text));
  } catch {
    // Shown as it is: the editor says what is wrong with it.
    return text;
  }
}
