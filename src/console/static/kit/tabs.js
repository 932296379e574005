import { el } from '../dom.js';
import { linkTo } from '../links.js';
import { refusal } from './refusal.js';

/**
 * Parts of a view, each a link: `#/alerts/history`. `parts` are `{ name, title, load }`, where `load` imports a module
 * with the same `mount` as a view; it gets the rest of the path. The first part is shown by default. Returns what `mount`
 * of the view returns.
 */
export function tabs(context, route, parts) {
  const { root, signal } = context;
  const body = el('div', { class: 'part' });
  const links = parts.map(({ name, title }) => el('a', { href: linkTo([route.view, name]) }, title));
  root.append(el('nav', { class: 'parts', 'aria-label': 'Parts' }, ...links), body);
  let current;
  let shown;
  let abort = new AbortController();
  signal.addEventListener('abort', () => abort.abort());

  const show = async ({ view, path: [name = parts[0].name, ...path], query }) => {
    const inner = { view, path, query };
    if (name === current) {
      shown?.show?.(inner);
      return;
    }
    abort.abort();
    abort = new AbortController();
    const own = abort.signal;
    current = name;
    shown = undefined;
    for (const [index, link] of links.entries()) {
      if (parts[index].name === name) {
        link.setAttribute('aria-current', 'page');
        link.scrollIntoView({ block: 'nearest', inline: 'center' });
      } else link.removeAttribute('aria-current');
    }
    body.replaceChildren();
    const part = parts.find((one) => one.name === name);
    if (!part) {
      body.append(el('p', { class: 'nothing-here' }, 'This address has nothing. Choose a part above.'));
      return;
    }
    try {
      const { mount } = await part.load();
      if (!own.aborted) shown = await mount({ ...context, root: body, signal: own }, inner);
    } catch (error) {
      current = '';
      if (!own.aborted) body.replaceChildren(refusal(error, () => void show({ view, path: [name, ...path], query })));
    }
  };
  void show(route);
  return { show: (next) => void show(next), repaint: () => shown?.repaint?.() };
}
