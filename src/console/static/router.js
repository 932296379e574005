import { el } from './dom.js';
import { VIEWS } from './views.js';

const text = (part) => {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
};

/**
 * Returns what an address selects: `#/alerts/rules/7?tab=log` is the view `alerts` with the path `['rules', '7']`. An
 * address without a view is the first view's: `#tvl=lido`.
 */
export function routeOf(hash) {
  const fragment = hash.slice(1);
  if (!fragment.startsWith('/')) return { view: VIEWS[0].name, path: [], query: new URLSearchParams(fragment) };
  const [path, ...query] = fragment.split('?');
  const [view = VIEWS[0].name, ...rest] = path.split('/').filter(Boolean).map(text);
  return { view, path: rest, query: new URLSearchParams(query.join('?')) };
}

/** Shows the view of the address: loads its module once, and ends the previous view before the next begins. */
export class Router {
  #current = '';
  #shown;
  #abort = new AbortController();
  #stop = new AbortController();
  #styles = new Map();

  constructor(root, context) {
    this.root = root;
    this.context = context;
  }

  start() {
    window.addEventListener('hashchange', () => void this.#show(), { signal: this.#stop.signal });
    void this.#show();
  }

  /** Ends the view. */
  stop() {
    this.#stop.abort();
    this.#abort.abort();
    this.root.replaceChildren();
  }

  /** Draws again after a change of the colour scheme what contains colours itself: canvases. */
  repaint() {
    this.#shown?.repaint?.();
  }

  async #show() {
    const route = routeOf(location.hash);
    if (route.view === this.#current) {
      this.#shown?.show?.(route);
      return;
    }
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#shown = undefined;
    this.#current = route.view;
    const { signal } = this.#abort;
    const view = VIEWS.find(({ name }) => name === route.view);
    this.#mark(view);
    if (!view) return this.#say(`There is no view “${route.view.slice(0, 40)}”. Choose one above.`);
    this.root.replaceChildren();
    this.root.setAttribute('aria-busy', 'true');
    try {
      const [{ mount }, markup] = await Promise.all([view.load(), view.markup && read(view.markup), this.#dress(view)]);
      const live = await this.context.live;
      if (signal.aborted) return;
      const root = el('div', { class: `view ${view.name}-view` });
      if (markup) root.append(document.createRange().createContextualFragment(markup));
      this.root.replaceChildren(el('h1', { class: 'hidden' }, view.title), root);
      this.#shown = mount({ ...this.context, ...live.shared, root, signal }, routeOf(location.hash));
      scrollTo(0, 0);
    } catch (error) {
      if (signal.aborted) return;
      this.#current = '';
      this.#say(`“${view.title}” could not be opened: ${error.message}`);
    } finally {
      if (!signal.aborted) this.root.setAttribute('aria-busy', 'false');
    }
  }

  #mark(view) {
    document.title = `${view?.title ?? 'Unknown'} · defi-realtime`;
    document.documentElement.dataset.view = view?.name ?? '';
    for (const link of document.querySelectorAll('#views a')) {
      const isCurrent = link.dataset.view === view?.name;
      if (isCurrent) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
      if (isCurrent) link.scrollIntoView({ block: 'nearest', inline: 'center' });
    }
  }

  #say(message) {
    this.root.replaceChildren(el('p', { class: 'nothing-here', role: 'alert' }, message));
  }

  /** Waits for the view's style sheets, so that nothing is drawn without them; each is loaded once. */
  #dress({ styles = [] }) {
    return Promise.all(
      styles.map((name) => {
        if (!this.#styles.has(name)) this.#styles.set(name, loadStyle(name));
        return this.#styles.get(name);
      }),
    );
  }
}

const address = (name) => new URL(name, import.meta.url).pathname;

function loadStyle(name) {
  const link = el('link', { rel: 'stylesheet', href: address(name) });
  document.head.append(link);
  return new Promise((resolve) => {
    for (const end of ['load', 'error']) link.addEventListener(end, resolve);
  });
}

async function read(name) {
  const answer = await fetch(address(name));
  if (!answer.ok) throw new Error(`The server answered ${answer.status}`);
  return answer.text();
}
