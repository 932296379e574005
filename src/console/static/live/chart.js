import uPlot from '../vendor/uplot.js';
import { byId, el, segmented, setText } from '../dom.js';
import { chainName, direction, moment, money, percent, price } from '../format.js';
import { axisLabels, color, padded, timeLabels } from '../plot.js';
import { largestChains, totalOf } from '../store.js';

/** Interval at which the value at the start of the range is read again, ms: the range moves with time. */
const REFRESH_MS = 60_000;

/** Chart of one protocol or token over time: history from the server, followed by every published change. */
export class Chart {
  #plotNode = byId('plot');
  #messageNode = byId('plot-message');
  #subject;
  #hours = 24;
  #data = [[], []];
  /** Value at the start of the range, from which changes are measured; null if there was none. */
  #base = null;
  #loaded = false;
  #plot;
  #abort = new AbortController();

  constructor(api, store, signal) {
    this.api = api;
    this.store = store;
    segmented(byId('ranges'), 'hours', (hours) => {
      this.#hours = Number(hours);
      void this.#load();
    });
    const timer = setInterval(() => document.hidden || !this.#loaded || this.#rebase(this.#abort.signal), REFRESH_MS);
    const observer = new ResizeObserver(() => this.#plot?.setSize(this.#size()));
    observer.observe(this.#plotNode);
    signal.addEventListener('abort', () => {
      clearInterval(timer);
      observer.disconnect();
      this.#abort.abort();
      this.#destroy();
    });
  }

  get subject() {
    return this.#subject;
  }

  show(subject) {
    this.#subject = subject;
    this.describe();
    void this.#load();
  }

  /** Redraws after a change of the colour scheme, because the canvas contains colours. */
  repaint() {
    if (this.#data[0].length > 0) this.#draw();
  }

  /** Appends a change that was just published; `value` is the subject's total. */
  append(at, value) {
    const [times, values] = this.#data;
    if (!this.#loaded) return;
    if (times.length > 0 && at <= times.at(-1)) values[values.length - 1] = value;
    else {
      times.push(at);
      values.push(value);
      while (times.length > 2 && times[0] < at - this.#hours * 3600) {
        times.shift();
        values.shift();
      }
    }
    if (this.#plot) {
      this.#plot.setData(this.#data);
      if (this.#plot.cursor.idx === null || this.#plot.cursor.idx === undefined) this.#read(null);
    } else {
      this.#draw();
    }
    this.describe();
  }

  /** Shows name, category and chains from the published state. */
  describe() {
    const { metric, id } = this.#subject;
    const known = this.store.subject(metric, id);
    setText(byId('chart-title'), known?.name ?? id);
    document.title = `${known?.name ?? id} · defi-realtime`;
    const chains = metric === 'tvl' && known ? largestChains(known, 6) : [];
    const kind = metric === 'tvl' ? 'total value locked' : 'price';
    setText(byId('chart-detail'), [known?.category, kind].filter(Boolean).join('  ·  '));
    if (known && !this.#plot) setText(byId('chart-value'), this.#format(this.store.valueOf(known)));
    const total = known && metric === 'tvl' ? totalOf(known) : 0;
    byId('chains').replaceChildren(
      ...chains.map(([chain, { value }]) =>
        el(
          'li',
          {},
          el('span', { class: 'muted' }, `${chainName(chain)} `),
          el('b', {}, money(value)),
          el(
            'span',
            { class: 'muted' },
            total > 0 && chains.length > 1 ? ` ${((value / total) * 100).toFixed(0)} %` : '',
          ),
        ),
      ),
    );
  }

  async #load() {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#data = [[], []];
    this.#loaded = false;
    this.#destroy();
    for (const id of ['chart-change', 'chart-when']) setText(byId(id), ' ');
    setText(this.#messageNode, 'Loading …');
    this.describe();
    try {
      const [data, base] = await Promise.all([
        this.api.history(this.#subject, this.#hours, signal),
        this.#readBase(signal),
      ]);
      if (signal.aborted) return;
      this.#data = data;
      this.#base = base === undefined ? (data[1][0] ?? null) : base;
      this.#loaded = true;
      this.#draw();
    } catch (error) {
      if (!signal.aborted) setText(this.#messageNode, `The history could not be read: ${error.message}`);
    }
  }

  /** Returns undefined if the value is unknown. */
  #readBase(signal) {
    return this.api.valueBefore(this.#subject, this.#hours, signal).catch(() => undefined);
  }

  async #rebase(signal) {
    const base = await this.#readBase(signal);
    if (signal.aborted || base === undefined) return;
    this.#base = base;
    if (this.#plot?.cursor.idx === null || this.#plot?.cursor.idx === undefined) this.#read(null);
  }

  #destroy() {
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  #draw() {
    this.#destroy();
    const [, values] = this.#data;
    const isEmpty = values.length < 2;
    setText(this.#messageNode, isEmpty ? 'No history yet. Changes are drawn as they come.' : '');
    if (isEmpty) return;
    const stroke = color(values.at(-1) >= (this.#base ?? values[0]) ? '--up' : '--down');
    const axis = { stroke: color('--ink-3'), font: `12px ${color('--sans')}`, ticks: { show: false } };
    this.#plot = new uPlot(
      {
        ...this.#size(),
        legend: { show: false },
        padding: [10, 4, 0, 0],
        cursor: { y: false, points: { size: 9, fill: stroke, stroke: color('--surface'), width: 2 } },
        series: [{}, { stroke, width: 2, fill: (plot) => wash(plot, stroke), points: { show: false } }],
        scales: { y: { range: (_plot, low, high) => padded(low, high) } },
        axes: [
          { ...axis, grid: { show: false }, size: 28, gap: 8, space: 84, values: timeLabels(this.#hours) },
          {
            ...axis,
            side: 1,
            size: 62,
            gap: 8,
            space: 40,
            grid: { stroke: color('--line'), width: 1 },
            values: (_plot, splits) => axisLabels(splits, this.#subject.metric),
          },
        ],
        hooks: {
          draw: [(plot) => markNow(plot, stroke)],
          setCursor: [({ cursor }) => this.#read(cursor.idx ?? null)],
        },
      },
      this.#data,
      this.#plotNode,
    );
    this.#read(null);
  }

  /** Shows the figures above the plot: of the point under the pointer, or else of the newest point. */
  #read(index) {
    const [times, values] = this.#data;
    if (values.length === 0) return;
    const at = index ?? values.length - 1;
    const change = this.#base > 0 ? (values[at] / this.#base - 1) * 100 : null;
    setText(byId('chart-value'), this.#format(values[at]));
    setText(byId('chart-change'), percent(change));
    byId('chart-change').className = `change ${direction(change)}`;
    const span = { 1: '1 hour', 24: '24 hours', 168: '7 days', 720: '30 days' }[this.#hours];
    setText(byId('chart-when'), index === null ? `in ${span}` : moment(times[at] * 1000));
    if (index !== null) return;
    const low = this.#format(Math.min(...values));
    const high = this.#format(Math.max(...values));
    this.#plotNode.setAttribute(
      'aria-label',
      `${byId('chart-title').textContent} over ${span}: now ${this.#format(values.at(-1))}, low ${low}, high ${high}`,
    );
  }

  #format(value) {
    return this.#subject.metric === 'tvl' ? money(value) : price(value);
  }

  #size() {
    return { width: this.#plotNode.clientWidth, height: this.#plotNode.clientHeight };
  }
}

function wash({ ctx, bbox }, stroke) {
  const gradient = ctx.createLinearGradient(0, bbox.top, 0, bbox.top + bbox.height);
  gradient.addColorStop(0, `${stroke}33`);
  gradient.addColorStop(1, `${stroke}00`);
  return gradient;
}

/** Draws a dot on the newest value. */
function markNow(plot, stroke) {
  const [times, values] = plot.data;
  const { ctx } = plot;
  const ratio = window.devicePixelRatio || 1;
  const [x, y] = [plot.valToPos(times.at(-1), 'x', true), plot.valToPos(values.at(-1), 'y', true)];
  ctx.save();
  ctx.fillStyle = stroke;
  ctx.beginPath();
  ctx.arc(x, y, 4 * ratio, 0, 2 * Math.PI);
  ctx.fill();
  ctx.restore();
}
