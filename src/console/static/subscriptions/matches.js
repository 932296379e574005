import { el } from '../dom.js';
import { chainName, clock, money, percent, price } from '../format.js';
import { streamQuery } from './filter.js';

/** Rows that are kept and drawn. */
const MAX_ROWS = 50;
/** Shortest time between two drawings, ms, however many events arrive. */
const DRAW_INTERVAL_MS = 500;
/** Longest text of an incomplete message, characters; a longer one ends the stream. */
const MAX_MESSAGE = 4_000_000;

/** Follows a stream with a filter and draws the last rows. A hidden page draws nothing. */
export class Matches {
  #abort = new AbortController();
  #rows = [];
  #values = 0;
  #events = 0;
  #timer;

  constructor({ api, list, signal }) {
    Object.assign(this, { api, list });
    list.replaceChildren();
    signal.addEventListener('abort', () => this.stop(), { signal: this.#abort.signal });
    document.addEventListener('visibilitychange', () => this.#soon(), { signal: this.#abort.signal });
  }

  stop() {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }

  /** Reads until `stop`; throws the refusal. A stream that ends begins again after three seconds while `isWanted`. */
  async follow(given, isWanted) {
    const query = streamQuery(given);
    while (isWanted() && !this.#abort.signal.aborted) {
      // Without a position the stream begins with the values, so the counts begin anew too.
      this.#values = 0;
      await this.#read(query);
      await new Promise((resolve) => setTimeout(resolve, 3_000));
    }
  }

  async #read(query) {
    const answer = await fetch(`/v1/stream?snapshot=true&${query}`, {
      headers: { Authorization: `Bearer ${this.api.key}` },
      signal: this.#abort.signal,
    });
    if (!answer.ok) throw await refusalOf(answer);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const messages = text.split('\n\n');
      text = messages.pop();
      if (text.length > MAX_MESSAGE) throw new Error('The server sent a message that is too long');
      for (const message of messages) this.#message(message);
      this.#soon();
    }
  }

  #message(message) {
    const line = (name) =>
      message
        .split('\n')
        .find((one) => one.startsWith(`${name}: `))
        ?.slice(name.length + 2);
    const name = line('event');
    const data = line('data');
    if (!name || !data) return;
    const body = JSON.parse(data);
    if (name === 'error') throw Object.assign(new Error(body.message ?? body.code), body);
    if (name === 'snapshot') {
      this.#values += body.items.length;
      for (const item of body.items.slice(-MAX_ROWS)) this.#add('value', item);
    } else if (body.eventType === name) {
      this.#events += 1;
      this.#add(name, body);
    }
  }

  #add(name, body) {
    this.#rows.unshift({ name, body });
    this.#rows.length = Math.min(this.#rows.length, MAX_ROWS);
  }

  #soon() {
    if (document.hidden) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.list.replaceChildren(...this.#rows.map(rowOf));
      this.onChange?.({ values: this.#values, events: this.#events });
    }, DRAW_INTERVAL_MS);
  }
}

async function refusalOf(answer) {
  const { detail, title, code, errors } = await answer.json().catch(() => ({}));
  const text = detail ?? title ?? `The server answered ${answer.status}`;
  return Object.assign(new Error(text), { status: answer.status, code, errors });
}

function rowOf({ name, body }) {
  const subject = body.name ?? body.symbol ?? body.protocol ?? body.token ?? body.account ?? body.contract ?? '';
  const value = body.tvl ?? body.currentTvl;
  const amount = value === undefined ? (body.price ?? body.currentPrice) : undefined;
  const shown = value !== undefined ? money(value) : amount !== undefined ? price(amount) : '';
  const change = body.changePercent === undefined ? '' : percent(body.changePercent);
  return el(
    'li',
    {},
    el('time', { class: 'muted' }, clock(Date.parse(body.timestamp))),
    el('span', { class: 'tag' }, name),
    el('span', { class: 'cell', dir: 'auto' }, [subject, chainName(body.chain)].filter(Boolean).join(' · ')),
    el('span', {}, [shown, change].filter(Boolean).join(' ')),
  );
}
