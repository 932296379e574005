import { byId, setText } from './dom.js';
import { age, count, milliseconds, money } from './format.js';

const NOTES = {
  thinned: 'Live, thinned out',
  connection_limit: 'All connections of this key are in use',
  rate_limited: 'Too many attempts, waiting',
  server_draining: 'Server restarts, waiting',
};

const STATES = {
  waiting: 'Connecting',
  live: 'Live',
  stale: 'No news from the server',
  refused: 'Refused',
};

/** Totals and connection figures, updated once a second. */
export class Figures {
  #canvas = byId('pulse');

  constructor(stream, store, lags, rates) {
    this.stream = stream;
    this.store = store;
    this.lags = lags;
    this.rates = rates;
    this.#timer = setInterval(() => this.show(), 1_000);
  }
  #timer;

  stop() {
    clearInterval(this.#timer);
  }

  state(note) {
    const node = byId('state');
    const { state, reconnects, cursor } = this.stream;
    node.dataset.state = state;
    const again = state === 'waiting' && (reconnects > 0 || cursor !== '');
    setText(node.lastElementChild, NOTES[note] ?? (again ? 'Reconnecting' : STATES[state]));
  }

  resumed({ recovered, replayed }) {
    const missed = replayed === 1 ? '1 missed change' : `${count(replayed)} missed changes`;
    setText(byId('resume'), recovered !== false ? `Resumed, ${missed} replayed` : 'Could not resume, reloaded');
  }

  show() {
    if (document.hidden) return;
    const { tvl, protocols, chains, tokens } = this.store.totals();
    if (protocols > 0) setText(byId('total-tvl'), money(tvl));
    setText(byId('total-protocols'), count(protocols));
    setText(byId('total-chains'), count(chains));
    setText(byId('total-tokens'), count(tokens));

    if (this.store.recorded && byId('resume').textContent === '')
      setText(byId('resume'), 'Recorded data, played again');

    const now = Date.now();
    const { p50, p95 } = this.lags.percentiles(now);
    setText(byId('lag-p50'), milliseconds(p50));
    setText(byId('lag-p95'), milliseconds(p95));
    setText(byId('rate'), this.rates.rate(now).toFixed(1));
    setText(byId('heartbeat'), this.stream.heartbeatAt ? age(now - this.stream.heartbeatAt) : '–');
    setText(byId('reconnects'), count(this.stream.reconnects));
    setText(byId('recovered'), count(this.stream.recovered));
    setText(byId('cursor'), this.stream.cursor || '–');
    this.#drawPulse(this.rates.perSecond(now));
  }

  /** Draws one bar per second of the last minute. */
  #drawPulse(seconds) {
    const canvas = this.#canvas;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((size) => Math.round(size * ratio));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext('2d');
    context.clearRect(0, 0, width, height);
    context.fillStyle = getComputedStyle(canvas).getPropertyValue('--line-strong');
    const top = Math.max(1, ...seconds);
    const slot = width / seconds.length;
    for (const [index, value] of seconds.entries()) {
      const tall = value === 0 ? ratio : Math.max(2 * ratio, (value / top) * height);
      context.fillRect(index * slot, height - tall, Math.max(1, slot - 2 * ratio), tall);
    }
  }
}
