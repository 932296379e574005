import { byId, el, setText } from '../dom.js';
import { moment } from '../format.js';

/** Maximum number of alerts on the page; older ones are only in the history. */
const ROWS = 20;
/** Interval at which new alerts are added together, ms: one rule about all protocols may fire for many at once. */
const FLUSH_MS = 500;
const MARKS = { fired: '●', resolved: '✓', summary: '…' };
const STATES = { fired: 'Fired', resolved: 'Resolved', summary: 'Summary' };

/** Alerts of the key's user, newest first: from the history, then live. */
export class Alerts {
  #list = byId('alerts');
  #shown = new Map();
  #fresh = new Set();
  #timer;

  constructor(api, choose, signal) {
    this.api = api;
    this.choose = choose;
    this.#message('Loading …');
    signal.addEventListener('abort', () => clearTimeout(this.#timer));
  }

  /** Loads the history after every (re)connection, because it contains the alerts sent in between. */
  async load() {
    try {
      const stored = await this.api.alerts(ROWS);
      for (const alert of stored) this.#shown.set(alert.alertId, alert);
      if (this.#shown.size > 0) this.#draw();
      else this.#message(await this.#nothing());
    } catch (error) {
      if (this.#shown.size === 0) this.#message(`The alerts could not be read: ${error.message}`);
    }
  }

  /** Adds a new alert. */
  add(event) {
    this.#shown.set(event.alertId, { ...event, at: event.timestamp });
    this.#fresh.add(event.alertId);
    this.#timer ??= setTimeout(() => this.#draw(), FLUSH_MS);
  }

  /** Shows the reason why live alerts are refused; the alerts from the history stay. */
  refused(reason) {
    setText(byId('alerts-note'), reason);
  }

  async #nothing() {
    if (await this.api.hasRules()) return ['No alert yet. Your rules are watching.'];
    return ['You have no alert rule yet. ', el('a', { href: '/docs' }, 'POST /v1/alerts/rules'), ' makes one.'];
  }

  #draw() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const newest = [...this.#shown.values()].sort((a, b) => Date.parse(b.at) - Date.parse(a.at)).slice(0, ROWS);
    this.#shown = new Map(newest.map((alert) => [alert.alertId, alert]));
    this.#list.replaceChildren(...newest.map((alert) => this.#row(alert, this.#fresh.has(alert.alertId))));
    this.#fresh.clear();
  }

  #row({ name, message, state, priority, at, protocol, token }, fresh) {
    const subject = token ? { metric: 'price', id: token } : protocol ? { metric: 'tvl', id: protocol } : undefined;
    // Message without the rule's name, which is already shown above it.
    const sentence = message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message;
    const kinds = [state === 'fired' ? '' : STATES[state], priority === 'normal' ? '' : priority];
    return el(
      'li',
      { class: `${state} ${priority} ${fresh ? 'fresh' : ''}` },
      el(
        'button',
        { type: 'button', title: sentence, onclick: () => subject && this.choose(subject) },
        el('i', { 'aria-hidden': 'true' }, MARKS[state] ?? MARKS.fired),
        el('b', {}, name),
        el('time', {}, moment(new Date(at))),
        el('small', {}, [...kinds.filter(Boolean), sentence].join(' · ')),
      ),
    );
  }

  #message(parts) {
    this.#list.replaceChildren(el('li', { class: 'empty' }, ...[parts].flat()));
  }
}
