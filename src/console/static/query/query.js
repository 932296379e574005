import { byId, el, segmented, setText } from '../dom.js';
import { clock, count, milliseconds } from '../format.js';
import { QueryLines } from './lines.js';
import { QUESTIONS, asCurl, written } from './questions.js';
import { startSharing } from './sharing.js';
import { QueryTable } from './table.js';

/** Default wait after a retryable refusal, ms. */
const RETRY_MS = 3_000;

/** Query of the data: shows its result and follows every change over the page's connection. */
export class Query {
  #panel = byId('query-panel');
  #text = byId('query-text');
  #query;
  /** Number of the newest request: answers to older requests are ignored. */
  #asked = 0;
  /** Subscription id of the followed query, and messages that arrived before the id was known. */
  #id;
  #early;
  /**
   * Requests run one after the other: equal queries have the same subscription id, so the end of one must not end the
   * next.
   */
  #turn = Promise.resolve();
  #abort = new AbortController();
  #retry;

  constructor(api, stream, choose, signal) {
    this.api = api;
    this.stream = stream;
    this.table = new QueryTable(choose);
    this.lines = new QueryLines(signal);
    this.signal = signal;
    this.#listen();
    this.#write('chains');
    startSharing(
      { api, signal },
      () => this.#read(),
      (error) => this.#fail(error),
    );
  }

  /** Runs a query that is given as text: that of a shared link. */
  open(text) {
    this.#text.value = text;
    for (const button of byId('query-questions').children) button.setAttribute('aria-pressed', 'false');
    if (this.stream.isReady) this.#run();
  }

  repaint() {
    this.lines.repaint();
  }

  /** Begins when the panel is visible; after an interruption it follows the query again. */
  resume() {
    if (['lost', 'running'].includes(this.#panel.dataset.state)) this.#begin(this.#query);
    else if (this.#asked === 0) this.#whenSeen();
  }

  #whenSeen() {
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
        observer.disconnect();
        if (this.#asked === 0) this.#run();
      },
      { threshold: 0.25 },
    );
    observer.observe(this.#panel);
  }

  #listen() {
    segmented(byId('query-questions'), 'question', (name) => {
      this.#write(name);
      this.#run();
    });
    this.#text.addEventListener('input', () => {
      for (const button of byId('query-questions').children) button.setAttribute('aria-pressed', 'false');
      this.#text.removeAttribute('aria-invalid');
    });
    this.#text.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.#run();
    });
    byId('query-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#run();
    });
    byId('query-curl').addEventListener('click', ({ target }) => this.#copy(target));
    byId('query-csv').addEventListener('click', ({ target }) => this.#copy(target, 'text/csv'));
    const on = (name, handler) =>
      this.stream.addEventListener(name, ({ detail }) => handler(detail), { signal: this.signal });
    on('queryResult', (detail) => this.#receive(detail));
    on('queryChange', (detail) => this.#receive(detail));
    on('queryError', (detail) => this.#end(detail));
    on('state', () => this.stream.state === 'waiting' && this.#lose());
    this.signal.addEventListener('abort', () => this.#leave());
  }

  #write(name) {
    this.#text.value = written(QUESTIONS[name]);
    this.#text.scrollTop = 0;
    this.#text.removeAttribute('aria-invalid');
  }

  #run() {
    const query = this.#read();
    if (!query) return;
    this.table.begin(query);
    delete this.#panel.dataset.more;
    byId('query-plan').hidden = true;
    this.#begin(query);
  }

  /** Returns the text of the editor as a request; undefined if it is not one. */
  #read() {
    try {
      const query = JSON.parse(this.#text.value);
      if (typeof query === 'object' && query !== null && !Array.isArray(query)) return query;
      this.#fail({ message: 'A request is an object: { … }' });
    } catch (error) {
      this.#fail({ message: `This is not JSON: ${error.message}` });
    }
    this.#text.setAttribute('aria-invalid', 'true');
    return undefined;
  }

  #begin(query) {
    this.#query = query;
    this.#leave();
    this.#showState('running', 'Running …');
    const asked = this.#asked;
    this.#turn = this.#turn.then(() => asked === this.#asked && this.#follow(query, asked));
  }

  /** Ends the followed query and cancels requests in progress. */
  #leave() {
    this.#asked += 1;
    clearTimeout(this.#retry);
    this.#abort.abort();
    this.#abort = new AbortController();
    const id = this.#id;
    this.#id = undefined;
    if (id) this.#turn = this.#turn.then(() => this.stream.unfollow(id));
  }

  async #follow(query, asked) {
    this.#early = [];
    try {
      const id = await this.stream.follow(query);
      if (asked !== this.#asked) {
        // Another query was started in the meantime.
        if (id) await this.stream.unfollow(id);
        return;
      }
      this.#id = id;
      for (const message of this.#early.splice(0)) this.#receive(message);
    } catch (error) {
      if (asked === this.#asked) void this.#askOnce(query, error);
    } finally {
      this.#early = undefined;
    }
  }

  #receive(message) {
    if (message.subscriptionId !== this.#id) {
      this.#early?.push(message);
      return;
    }
    const isFirst = this.#panel.dataset.state !== 'live';
    if (message.rows) this.table.replace(message.rows);
    else this.table.change(message);
    if (isFirst) {
      this.#showState('live', 'Live');
      void this.#explain();
    }
    this.#show();
  }

  #show(page) {
    const { rows } = this.table;
    this.lines.show(rows, this.#query);
    this.#panel.dataset.empty = String(rows.length === 0);
    if (page) this.#panel.dataset.more = String(page.has_more);
    const isPart = this.#panel.dataset.more === 'true';
    const size = `${isPart ? 'First ' : ''}${count(rows.length)} ${rows.length === 1 ? 'row' : 'rows'}`;
    setText(byId('query-size'), `${size} · updated ${clock(Date.now())}`);
  }

  /** Shows how the rows were found. Messages of a live query contain only rows, so the same query is also run once. */
  async #explain() {
    const { signal } = this.#abort;
    try {
      const { meta, page } = await this.api.ask(this.#query, signal);
      if (signal.aborted) return;
      this.#panel.dataset.more = String(page.has_more);
      setText(byId('query-meta'), described(meta));
      this.#show();
    } catch {
      // Ignored, because the rows are already shown.
    }
  }

  /** Runs the query once, for a key that may query but not follow, and for queries that cannot be followed. */
  async #askOnce(query, refusal) {
    if (refusal.retryable) {
      this.#fail(refusal);
      this.#retry = setTimeout(() => this.#begin(query), refusal.retryAfterMs ?? RETRY_MS);
      return;
    }
    const { signal } = this.#abort;
    try {
      const { data, page, meta, explain } = await this.api.ask(query, signal);
      if (signal.aborted) return;
      const rows = explain ? [explain] : data;
      this.table.replace(rows.map((row, index) => ({ ...row, _key: String(index) })));
      this.#showState('once', `Answered once, not live: ${refusal.message}`);
      setText(byId('query-meta'), described(meta));
      this.#show(page);
    } catch (error) {
      // A refusal contains only the first of several faults; this error contains all of them.
      if (!signal.aborted) this.#fail(error.errors?.length > 0 ? error : refusal);
    }
  }

  /** Ends a query that failed and that the server has ended. */
  #end(error) {
    if (error.subscriptionId !== this.#id) return;
    this.#id = undefined;
    this.#fail(error);
  }

  #lose() {
    if (!['live', 'running'].includes(this.#panel.dataset.state)) return;
    // The query ended with the connection.
    this.#id = undefined;
    this.#showState('lost', 'Connection lost, last rows kept');
  }

  #fail({ message, errors, field, retryable }) {
    this.#leave();
    this.#showState('failed', retryable ? 'Trying again soon' : 'Not answered');
    const faults = errors?.length > 0 ? errors : [{ pointer: field ? `/${field}` : '', detail: message }];
    byId('query-problem').replaceChildren(
      ...faults.map(({ pointer, detail }) => el('li', {}, ...(pointer ? [el('code', {}, pointer)] : []), detail)),
    );
    this.table.clear();
    this.lines.clear();
  }

  #showState(state, text) {
    const isAgain = state === 'live' && this.#panel.dataset.state === 'running' && this.#panel.dataset.was === 'lost';
    if (state === 'running') this.#panel.dataset.was = this.#panel.dataset.state;
    this.#panel.dataset.state = state;
    byId('query-result').setAttribute('aria-busy', String(state === 'running'));
    setText(byId('query-status').lastElementChild, isAgain ? 'Live again' : text);
    byId('query-status').title = text;
    if (state !== 'failed') byId('query-problem').replaceChildren();
    if (state === 'lost') return;
    if (state !== 'live') for (const id of ['query-meta', 'query-size']) setText(byId(id), '');
  }

  async #copy(button, accept) {
    const query = this.#read();
    if (!query) return;
    const label = button.textContent;
    // Keeps the button's width, so that neighbouring elements do not move.
    button.style.minWidth = `${button.offsetWidth}px`;
    try {
      await navigator.clipboard.writeText(asCurl(query, accept));
      setText(button, 'Copied');
    } catch {
      // The clipboard is available only on https and localhost.
      setText(button, 'No clipboard');
    }
    setTimeout(() => setText(button, label), 1_500);
  }
}

function described({ took_ms, cache, source, as_of, excluded, relative_error }) {
  return [
    `Took ${milliseconds(took_ms)}`,
    `cache ${cache}`,
    `source ${source}`,
    `as of ${clock(Date.parse(as_of))}`,
    excluded ? `${count(excluded)} without history left out` : '',
    relative_error ? `± ${relative_error * 100} %` : '',
  ]
    .filter(Boolean)
    .join(' · ');
}
