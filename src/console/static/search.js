import { byId, el } from './dom.js';
import { money, price } from './format.js';

/** Searches the data of the page while the reader types, without requests. The key `/` moves the focus to the field. */
export function startSearch(store, choose) {
  return new Search(store, choose);
}

class Search {
  #input = byId('search-input');
  #list = byId('search-list');
  #found = [];
  #active = -1;

  constructor(store, choose) {
    this.store = store;
    this.choose = choose;
    this.#input.addEventListener('input', () => this.#update());
    this.#input.addEventListener('focus', () => this.#update());
    this.#input.addEventListener('blur', () => this.#close());
    this.#input.addEventListener('keydown', (event) => this.#key(event));
    // Keeps the focus in the field: pressing the list would otherwise close it before the click event arrives.
    this.#list.addEventListener('pointerdown', (event) => event.preventDefault());
    document.addEventListener('keydown', (event) => {
      const typing = event.target.matches('input, select, textarea');
      if (event.key !== '/' || typing || event.metaKey || event.ctrlKey) return;
      event.preventDefault();
      this.#input.focus();
    });
  }

  #update() {
    this.#found = this.store.search(this.#input.value);
    this.#active = this.#found.length > 0 ? 0 : -1;
    if (!this.#input.value.trim()) return this.#close();
    this.#list.hidden = false;
    this.#input.setAttribute('aria-expanded', 'true');
    this.#list.replaceChildren(...this.#options());
    this.#mark();
  }

  #options() {
    if (this.#found.length === 0) return [el('li', { class: 'none' }, 'Nothing of that name')];
    return this.#found.map((subject, index) =>
      el(
        'li',
        { role: 'option', id: `found-${index}`, onclick: () => this.#take(index) },
        el('b', {}, subject.name),
        el('span', {}, subject.metric === 'tvl' ? money(this.store.valueOf(subject)) : price(subject.value)),
        el('small', {}, subject.category || 'Protocol'),
      ),
    );
  }

  #mark() {
    for (const [index, option] of [...this.#list.children].entries()) {
      option.setAttribute('aria-selected', String(index === this.#active));
      if (index === this.#active) option.scrollIntoView({ block: 'nearest' });
    }
    if (this.#active < 0) this.#input.removeAttribute('aria-activedescendant');
    else this.#input.setAttribute('aria-activedescendant', `found-${this.#active}`);
  }

  #key(event) {
    if (event.key === 'Escape') {
      this.#input.value = '';
      this.#close();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      this.#take(this.#active);
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const length = this.#found.length;
      if (length === 0) return;
      this.#active = (this.#active + (event.key === 'ArrowDown' ? 1 : -1) + length) % length;
      this.#mark();
    }
  }

  #take(index) {
    const subject = this.#found[index];
    if (!subject) return;
    this.#input.value = '';
    this.#input.blur();
    this.choose({ metric: subject.metric, id: subject.id });
  }

  #close() {
    this.#list.hidden = true;
    this.#input.setAttribute('aria-expanded', 'false');
    this.#input.removeAttribute('aria-activedescendant');
  }
}
