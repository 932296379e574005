import { el, setText } from '../dom.js';
import { refusal } from './refusal.js';

/** Rows of a page. The page has at most these rows at a time, however many the list has. */
const ROWS = 25;

/**
 * Table of one page of a list, with empty, loading and error states. Pages follow each other by the server's cursors, so
 * a list of a million rows is as fast as a short one. Arrow keys move between rows, Enter opens one. Rows that change
 * keep their elements, and with them the focus.
 *
 * `columns` are `{ title, draw(row), isNumber?, isShort? }`, where `draw` returns text or a node, and short texts are not
 * broken; `read({ cursor, limit })` returns the API's `{ data, page }`; `key(row)` names a row; `open(row)` is optional.
 */
export class List {
  #body = el('tbody', { role: 'rowgroup' });
  #state = el('div', { class: 'list-state' });
  #pager;
  #rows = new Map();
  /** Cursors of the pages before the shown one; the last belongs to the shown page. */
  #cursors = [undefined];
  #next = null;
  #asked = 0;

  constructor({ label, columns, read, key, open, empty = 'Nothing here yet.', rows = ROWS }) {
    Object.assign(this, { columns, read, key, open, empty, rows });
    this.#pager = this.#makePager();
    const head = columns.map(({ title, isNumber }) =>
      el('th', { role: 'columnheader', scope: 'col', class: isNumber ? 'number' : '' }, title),
    );
    this.table = el(
      'table',
      { role: 'table', class: 'list', 'aria-label': label },
      el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, ...head)),
      this.#body,
    );
    this.#body.addEventListener('keydown', (event) => this.#key(event));
    this.node = el('div', { class: 'list-frame', 'data-state': 'loading' }, this.table, this.#state, this.#pager);
    setText(this.#state, 'Loading …');
  }

  /** Reads the first page. */
  restart() {
    this.#cursors = [undefined];
    return this.reload();
  }

  /** Reads the shown page again. Of several calls only the last is drawn. */
  async reload() {
    const asked = (this.#asked += 1);
    this.node.setAttribute('aria-busy', 'true');
    try {
      const { data, page } = await this.read({ cursor: this.#cursors.at(-1), limit: this.rows });
      if (asked !== this.#asked) return;
      this.#next = page?.next_cursor ?? null;
      this.#draw(data);
      this.#show(data.length === 0 ? 'empty' : 'ready', this.empty);
    } catch (error) {
      if (asked !== this.#asked || error.name === 'AbortError') return;
      this.#draw([]);
      this.#show(
        'failed',
        refusal(error, () => void this.reload()),
      );
    } finally {
      if (asked === this.#asked) this.node.setAttribute('aria-busy', 'false');
    }
  }

  #show(state, content) {
    this.node.dataset.state = state;
    this.#state.replaceChildren(...(state === 'ready' ? [] : [content].flat()));
    this.#pager.hidden = this.#cursors.length === 1 && this.#next === null;
    const [newer, place, older] = this.#pager.children;
    newer.disabled = this.#cursors.length === 1;
    older.disabled = this.#next === null;
    setText(place, `Page ${this.#cursors.length}`);
  }

  #makePager() {
    const turn = (change) => () => {
      change();
      void this.reload();
    };
    const back = turn(() => this.#cursors.pop());
    const on = turn(() => this.#cursors.push(this.#next));
    return el(
      'nav',
      { class: 'pager', 'aria-label': 'Pages', hidden: true },
      el('button', { type: 'button', class: 'button', onclick: back }, 'Previous'),
      el('span', { class: 'muted' }),
      el('button', { type: 'button', class: 'button', onclick: on }, 'Next'),
    );
  }

  #draw(data) {
    const kept = new Map();
    const focused = this.#body.contains(document.activeElement) ? document.activeElement.closest('tr') : undefined;
    const place = focused ? [...this.#body.children].indexOf(focused) : -1;
    for (const row of data) {
      const key = this.key(row);
      const content = JSON.stringify(row);
      const known = this.#rows.get(key);
      kept.set(key, known?.content === content ? known : { content, node: this.#row(row, known?.node) });
    }
    for (const [key, { node }] of this.#rows) if (!kept.has(key)) node.remove();
    this.#rows = kept;
    let before = this.#body.firstElementChild;
    for (const { node } of kept.values()) {
      if (node === before) before = before.nextElementSibling;
      else this.#body.insertBefore(node, before);
    }
    // A row that is gone hands the focus to the row in its place.
    if (focused && !focused.isConnected) this.#body.children[Math.min(place, kept.size - 1)]?.focus();
  }

  #row(row, node = el('tr', { role: 'row', tabindex: '0' })) {
    const cells = this.columns.map(({ title, draw, isNumber, isShort }) => {
      const content = draw(row);
      const shown =
        content instanceof Node ? content : el('span', { dir: 'auto', class: 'cell' }, String(content ?? '–'));
      return el(
        'td',
        { role: 'cell', 'data-title': title, class: isNumber ? 'number' : isShort ? 'short' : '' },
        shown,
      );
    });
    const focused = node.contains(document.activeElement) ? document.activeElement.dataset.act : undefined;
    node.replaceChildren(...cells);
    if (focused) node.querySelector(`[data-act="${focused}"]`)?.focus();
    if (this.open) {
      node.classList.add('opens');
      node.onclick = ({ target }) => target.closest('button, a, input, select') ?? this.open(row);
    }
    return node;
  }

  #key(event) {
    const row = event.target.closest('tr');
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (event.target.matches('input, select, textarea')) return;
      event.preventDefault();
      (event.key === 'ArrowDown' ? row.nextElementSibling : row.previousElementSibling)?.focus();
    } else if (event.key === 'Enter' && event.target === row) {
      // Otherwise the same key press would also press the first button of what opens.
      event.preventDefault();
      row.click();
    } else if (event.key === 'Escape') event.target.blur();
  }
}

/** Button in a row; `name` keeps its focus when the row is drawn again. */
export function act(name, label, onclick, kind = '') {
  return el('button', { type: 'button', class: `button small ${kind}`, 'data-act': name, onclick }, label);
}
