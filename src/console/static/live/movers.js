import { byId, el, segmented } from '../dom.js';
import { direction, money, percent, price } from '../format.js';

const REFRESH_MS = 30_000;
const ROWS = 7;

/** Largest rises and falls, side by side; read again every 30 s while the page is visible. */
export class Movers {
  #root = byId('movers');
  #metric = 'tvl';
  #window = '24h';
  #abort = new AbortController();
  #timer;

  constructor(api, choose, signal) {
    this.api = api;
    this.choose = choose;
    segmented(byId('mover-metric'), 'metric', (metric) => this.#show({ metric }));
    segmented(byId('mover-window'), 'window', (window) => this.#show({ window }));
    this.#message('Loading …');
    signal.addEventListener('abort', () => this.stop());
  }

  start() {
    void this.#load();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => document.hidden || this.#load(), REFRESH_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#abort.abort();
  }

  #show({ metric = this.#metric, window = this.#window }) {
    this.#metric = metric;
    this.#window = window;
    void this.#load();
  }

  async #load() {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    try {
      const [rose, fell] = await Promise.all(
        ['up', 'down'].map((way) => this.api.movers(this.#metric, this.#window, way, ROWS, signal)),
      );
      if (signal.aborted) return;
      if (rose.length + fell.length === 0) this.#message(`Nothing moved in the last ${this.#window}.`);
      else this.#root.replaceChildren(this.#table('Rose most', rose), this.#table('Fell most', fell));
    } catch (error) {
      if (!signal.aborted) this.#message(`The moves could not be read: ${error.message}`);
    }
  }

  #table(caption, rows) {
    const body = el('tbody');
    for (const { metric, id, name, value, change } of rows) {
      const subject = { metric, id };
      body.append(
        el(
          'tr',
          {},
          el('td', {}, el('button', { class: 'link', type: 'button', onclick: () => this.choose(subject) }, name)),
          el('td', {}, metric === 'tvl' ? money(value) : price(value)),
          el('td', { class: direction(change) }, percent(change)),
        ),
      );
    }
    return el('table', {}, el('caption', {}, caption), body);
  }

  #message(text) {
    this.#root.replaceChildren(el('p', { class: 'empty' }, text));
  }
}
