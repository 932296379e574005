import { byId, el, setText } from '../dom.js';
import { count } from '../format.js';
import { columnsOf, orderOf } from './columns.js';

/** Maximum number of rows on the page; the CSV has all rows. */
const ROWS = 50;

/** Rows of a live query: the result, then its changes. New and changed rows are highlighted for a moment. */
export class QueryTable {
  #head = byId('query-head');
  #body = byId('query-body');
  #query = {};
  #rows = new Map();
  #lines = new Map();
  /** Columns; undefined: the table still shows the previous query. */
  #columns;

  constructor(choose) {
    this.choose = choose;
  }

  get rows() {
    return [...this.#rows.values()];
  }

  /** Begins another query, whose rows are not compared with those of the previous query. */
  begin(query) {
    this.#query = query;
    this.#rows = new Map();
    this.#lines = new Map();
    this.#columns = undefined;
  }

  clear() {
    this.begin({});
    this.#head.replaceChildren();
    this.#body.replaceChildren();
    setText(byId('query-more'), '');
  }

  /** Shows a complete result. After an interruption it is compared with the rows that are shown. */
  replace(rows) {
    const before = this.#rows;
    this.#rows = new Map(rows.map((row) => [row._key, row]));
    this.#draw(before);
  }

  change({ added, changed, removed }) {
    const before = this.#rows;
    const rows = new Map(before);
    for (const key of removed) rows.delete(key);
    for (const row of [...changed, ...added]) rows.set(row._key, row);
    const order = orderOf(this.#query, this.#columns);
    this.#rows = new Map([...rows.values()].sort(order).map((row) => [row._key, row]));
    this.#draw(before);
  }

  #draw(before) {
    const rows = this.rows;
    const columns = columnsOf(rows, this.#query);
    if (namesOf(columns) !== namesOf(this.#columns)) this.#setColumns(columns);
    const shown = rows.slice(0, ROWS);
    const lines = new Map(shown.map((row) => [row._key, this.#lineOf(row, before)]));
    for (const [key, line] of this.#lines) if (lines.get(key) !== line) line.remove();
    this.#lines = lines;
    for (const [index, line] of [...lines.values()].entries()) {
      if (this.#body.children[index] === line) continue;
      // Without the class, moving the line does not highlight it again.
      if (line.isConnected) line.className = '';
      this.#body.insertBefore(line, this.#body.children[index] ?? null);
    }
    const more = rows.length - shown.length;
    setText(byId('query-more'), more > 0 ? `${count(more)} more` : '');
  }

  #setColumns(columns) {
    this.#columns = columns;
    this.#lines = new Map();
    this.#body.replaceChildren();
    this.#head.replaceChildren(
      el(
        'tr',
        {},
        ...columns.map(({ name, isNumber }) => el('th', { scope: 'col', class: isNumber && 'figure' }, name)),
      ),
    );
  }

  #lineOf(row, before) {
    const old = before.get(row._key);
    const known = this.#lines.get(row._key);
    if (known && old && this.#isSame(old, row)) return known;
    // Rows of the first result are not highlighted.
    const kind = before.size > 0 && !(old && this.#isSame(old, row)) ? `fresh ${this.#direction(old, row)}` : undefined;
    return el('tr', { class: kind }, ...this.#columns.map((column, index) => this.#cell(column, row, index)));
  }

  #cell({ name, isNumber, format }, row, index) {
    const text = format(row[name], row);
    const way = name.startsWith('change') ? (row[name] > 0 ? ' up' : row[name] < 0 ? ' down' : '') : '';
    const subject =
      index === this.#columns.findIndex((column) => /^(name|protocol|token)$/.test(column.name)) && subjectOf(row);
    const content = subject
      ? el('button', { class: 'link', type: 'button', onclick: () => this.choose(subject) }, text)
      : text;
    return el('td', { class: isNumber && `figure${way}`, title: text.length > 24 && text }, content);
  }

  #isSame(a, b) {
    return this.#columns.every(({ name, format }) => format(a[name], a) === format(b[name], b));
  }

  #direction(old, row) {
    const moved = this.#columns.find(({ name, isNumber }) => isNumber && old && old[name] !== row[name]);
    if (!moved) return '';
    return row[moved.name] > old[moved.name] ? 'rose' : 'fell';
  }
}

const namesOf = (columns) => columns && JSON.stringify(columns.map(({ name, isNumber }) => [name, isNumber]));

/** Returns the subject of a row that the chart can show. */
function subjectOf({ protocol, token }) {
  if (token) return { metric: 'price', id: token };
  return protocol ? { metric: 'tvl', id: protocol } : undefined;
}
