import { byId, setText } from '../dom.js';
import { age, count, milliseconds, money } from '../format.js';

/** Totals and connection figures, updated once a second. */
export class Figures {
  #canvas = byId('pulse');

  constructor({ stream, store, lags, rates, signal }) {
    this.stream = stream;
    this.store = store;
    this.lags = lags;
    this.rates = rates;
    const timer = setInterval(() => this.show(), 1_000);
    signal.addEventListener('abort', () => clearInterval(timer));
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
