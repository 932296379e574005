import { byId, el, segmented, setText } from '../dom.js';
import { chainName, clock, direction, money, percent, price } from '../format.js';

/** Maximum number of rows on the page; older rows are dropped. */
const ROWS = 80;
/**
 * Interval at which new rows are added together, ms: at hundreds of changes a second a list that moves for each would be
 * unreadable.
 */
const FLUSH_MS = 700;
/** Maximum number of rows added at once; the newest of the remaining rows are added in the next flush. */
const PER_FLUSH = 12;

/** Live list of changes, newest first. It does not move while the pointer or the focus is on it. */
export class Tape {
  #list = byId('tape');
  #held = byId('tape-held');
  #waiting = [];
  #skipped = 0;
  #hovered = false;
  #paused = false;
  #kind = 'all';
  #floor = 0;
  #choose;

  constructor(choose, signal) {
    this.#choose = choose;
    const rest = (value) => () => this.#hold(value);
    this.#list.addEventListener('pointerenter', ({ pointerType }) => pointerType === 'mouse' && this.#hold(true));
    this.#list.addEventListener('pointerleave', rest(false));
    this.#list.addEventListener('focusin', ({ target }) => target.matches(':focus-visible') && this.#hold(true));
    this.#list.addEventListener('focusout', rest(false));
    byId('tape-pause').addEventListener('click', ({ currentTarget }) => {
      this.#paused = !this.#paused;
      currentTarget.setAttribute('aria-pressed', String(this.#paused));
      currentTarget.setAttribute('aria-label', this.#paused ? 'Let the tape run' : 'Pause the tape');
      this.#showHeld();
    });
    byId('tape-floor').addEventListener('change', ({ target }) => {
      this.#floor = Number(target.value);
      this.#clear();
    });
    segmented(byId('tape-kind'), 'kind', (kind) => {
      this.#kind = kind;
      this.#clear();
    });
    this.#clear();
    const timer = setInterval(() => this.#flush(), FLUSH_MS);
    signal.addEventListener('abort', () => clearInterval(timer));
  }

  add(name, event) {
    if (!this.#wants(name, event)) return;
    this.#waiting.push({ name, event });
    if (this.#waiting.length > ROWS) {
      this.#waiting.shift();
      this.#skipped += 1;
    }
    if (this.#still) this.#showHeld();
  }

  get #still() {
    return this.#paused || this.#hovered;
  }

  #wants(name, event) {
    if (this.#kind === 'tvl' && name !== 'tvl_change') return false;
    if (this.#kind === 'price' && name !== 'price_change') return false;
    return this.#floor === 0 || Math.abs(event.changePercent ?? 0) >= this.#floor * 100 - 1e-7;
  }

  #hold(value) {
    this.#hovered = value;
    this.#showHeld();
  }

  #showHeld() {
    const count = this.#waiting.length + this.#skipped;
    this.#held.hidden = !this.#still;
    if (this.#still) setText(this.#held, count === 0 ? 'Paused' : `Paused, ${count} new`);
  }

  #clear() {
    this.#waiting = [];
    this.#skipped = 0;
    this.#list.replaceChildren(el('li', { class: 'empty' }, 'Changes appear here as they are committed.'));
  }

  #flush() {
    if (this.#still || this.#waiting.length === 0 || document.hidden) return;
    const fresh = this.#waiting.slice(-PER_FLUSH);
    this.#waiting = [];
    this.#skipped = 0;
    this.#list.querySelector('.empty')?.remove();
    const rows = document.createDocumentFragment();
    for (const { name, event } of fresh.reverse()) rows.append(this.#row(name, event));
    this.#list.prepend(rows);
    while (this.#list.childElementCount > ROWS) this.#list.lastElementChild.remove();
  }

  #row(name, event) {
    const { title, place, figure, delta, subject } = describe(name, event);
    const way = direction(event.changePercent);
    const when = clock(new Date(event.timestamp));
    return el(
      'li',
      { class: `fresh ${way === 'up' ? 'rose' : way === 'down' ? 'fell' : ''}` },
      el(
        'button',
        { type: 'button', onclick: () => subject && this.#choose(subject) },
        el('b', {}, title),
        el('span', { class: 'figure' }, figure),
        el('small', {}, [when, place].filter(Boolean).join('  ·  ')),
        el('span', { class: `delta ${way}` }, delta),
      ),
    );
  }
}

function describe(name, event) {
  if (name === 'tvl_change') {
    return {
      title: event.name ?? event.protocol,
      place: [chainName(event.chain), event.category].filter(Boolean).join(' · '),
      figure: money(event.currentTvl),
      delta: percent(event.changePercent),
      subject: { metric: 'tvl', id: event.protocol },
    };
  }
  if (name === 'price_change') {
    return {
      title: event.symbol ? event.symbol.toUpperCase() : event.token,
      place: event.symbol ? event.token : chainName(event.chain),
      figure: price(event.currentPrice),
      delta: percent(event.changePercent),
      subject: { metric: 'price', id: event.token },
    };
  }
  return {
    title: event.protocol ?? event.token ?? name,
    place: name.replaceAll('_', ' '),
    figure: (event.updateType ?? '').replaceAll('_', ' '),
    delta: (event.changes ?? []).map(({ field }) => field).join(', '),
    subject: event.protocol ? { metric: 'tvl', id: event.protocol } : undefined,
  };
}
