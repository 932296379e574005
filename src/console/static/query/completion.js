import { byId, el } from '../dom.js';

/** Maximum number of words offered at once. */
const MAX_OFFERED = 8;
/** Wait after a keystroke before words are offered, ms. */
const TYPING_MS = 120;
/** Names that the service does not know, so that it answers with all it knows. */
const PROBE = { field: '?', op: '?', operation: '?', value: 0 };

/** Offers words in the editor until `signal` aborts. */
export const startCompletion = (api, signal) => new Completion(api, signal);

/**
 * Offers the words of the query language while a name is typed: fields of the chosen dataset, operators, operations. The
 * words are the service's own: it names the allowed ones for each unknown one, so none is repeated here.
 */
class Completion {
  #text = byId('query-text');
  #list = byId('query-words');
  #words = new Map();
  #found = [];
  #active = 0;
  #timer;

  constructor(api, signal) {
    this.api = api;
    this.#text.addEventListener('input', () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#offer(), TYPING_MS);
    });
    this.#text.addEventListener('keydown', (event) => this.#key(event));
    this.#text.addEventListener('blur', () => this.#close());
    // Keeps the focus in the editor while a word is chosen with the pointer.
    this.#list.addEventListener('pointerdown', (event) => event.preventDefault());
    signal.addEventListener('abort', () => clearTimeout(this.#timer));
  }

  async #offer() {
    const typed = this.#typed();
    if (typed.length === 0) return this.#close();
    const words = await this.#wordsOf(/"dataset"\s*:\s*"(\w+)"/.exec(this.#text.value)?.[1] ?? 'tvl');
    if (this.#typed() !== typed) return undefined;
    this.#found = words.filter((word) => word.startsWith(typed) && word !== typed).slice(0, MAX_OFFERED);
    if (this.#found.length === 0) return this.#close();
    this.#active = 0;
    this.#draw();
    return undefined;
  }

  /** Returns the part of a name between its opening quote and the caret; empty elsewhere. */
  #typed() {
    const { value, selectionStart, selectionEnd } = this.#text;
    if (selectionStart !== selectionEnd) return '';
    const line = value.slice(Math.max(0, selectionStart - 64), selectionStart);
    return /"([a-z_][\w]*)$/.exec(line)?.[1] ?? '';
  }

  #wordsOf(dataset) {
    if (!this.#words.has(dataset)) this.#words.set(dataset, this.#read(dataset));
    return this.#words.get(dataset);
  }

  async #read(dataset) {
    const probe = { dataset, '?': 0, where: PROBE, aggregations: [{ ...PROBE, '?': 0 }], sort: { field: '?' } };
    try {
      await this.api.ask(probe);
      return [];
    } catch (error) {
      const lists = (error.errors ?? []).map(({ detail }) => /allowed: ([^.]*)/.exec(detail)?.[1] ?? '');
      if (lists.length === 0) this.#words.delete(dataset);
      return [...new Set(lists.flatMap((list) => list.split(', ')).filter((word) => /^\w+$/.test(word)))].sort((a, b) =>
        a.localeCompare(b),
      );
    }
  }

  #draw() {
    this.#list.hidden = false;
    this.#text.setAttribute('aria-activedescendant', `query-word-${this.#active}`);
    this.#list.replaceChildren(
      ...this.#found.map((word, index) =>
        el(
          'li',
          {
            role: 'option',
            id: `query-word-${index}`,
            'aria-selected': String(index === this.#active),
            onclick: () => this.#take(index),
          },
          word,
        ),
      ),
    );
  }

  #key(event) {
    if (this.#list.hidden || event.ctrlKey || event.metaKey) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      this.#active = (this.#active + step + this.#found.length) % this.#found.length;
      this.#draw();
    } else if (event.key === 'Enter' || event.key === 'Tab') this.#take(this.#active);
    else if (event.key === 'Escape') this.#close();
    else return;
    event.preventDefault();
  }

  #take(index) {
    const rest = this.#found[index].slice(this.#typed().length);
    const { selectionStart: at, value } = this.#text;
    const isOpen = value[at] !== '"';
    // As typed text, so that undo takes it back.
    document.execCommand('insertText', false, isOpen ? `${rest}"` : rest);
    if (!isOpen) this.#text.setSelectionRange(at + rest.length + 1, at + rest.length + 1);
    clearTimeout(this.#timer);
    this.#close();
  }

  #close() {
    this.#list.hidden = true;
    this.#text.removeAttribute('aria-activedescendant');
  }
}
