import uPlot from '../vendor/uplot.js';
import { el, setText } from '../dom.js';
import { count, moment, money, price } from '../format.js';
import { sentenceOf } from '../kit/refusal.js';
import { axisLabels, color, padded, timeLabels } from '../plot.js';

const PERIODS = { '7d': '7 days', '30d': '30 days', '90d': '90 days' };
/** Maximum number of firings listed as text; the chart has all that the server sends. */
const LISTED = 50;
/** Radius of a firing in the chart, CSS pixels. */
const MARK_RADIUS = 5;

/** Firings that a rule would have made, on the chart of the value, and how often other thresholds would fire. */
export class Backtest {
  #summary = el(
    'p',
    { class: 'backtest-summary', role: 'status' },
    'Backtest the rule to see when it would have fired.',
  );
  #plotNode = el('div', { class: 'plot backtest-plot', role: 'img', 'aria-label': 'Firings', hidden: true });
  #curve = el('div', { class: 'curve' });
  #list = el('ol', { class: 'firings', 'aria-label': 'Firings' });
  #period;
  #plot;
  #last;
  #abort = new AbortController();

  constructor({ api, signal }, { read, refused, choose }) {
    Object.assign(this, { api, read, refused, choose });
    const options = Object.entries(PERIODS).map(([value, text]) =>
      el('option', { value, selected: value === '30d' }, text),
    );
    this.#period = el('select', { id: 'backtest-period', onchange: () => this.#last && void this.run() }, ...options);
    this.node = el(
      'section',
      { class: 'panel pad backtest', 'aria-labelledby': 'backtest-title' },
      el(
        'header',
        {},
        el('h2', { id: 'backtest-title' }, 'Backtest'),
        el('label', { class: 'select' }, el('span', { class: 'hidden' }, 'Period'), this.#period),
      ),
      this.#summary,
      this.#plotNode,
      this.#curve,
      this.#list,
    );
    const observer = new ResizeObserver(() => this.#plot?.setSize(this.#size()));
    observer.observe(this.#plotNode);
    signal.addEventListener('abort', () => {
      observer.disconnect();
      this.#abort.abort();
      this.#plot?.destroy();
    });
  }

  /** Runs the rule in the form over the stored history; of several runs only the last is drawn. */
  async run() {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    try {
      const rule = this.read();
      setText(this.#summary, 'Running …');
      const from = `now-${this.#period.value}`;
      // A rule that is not named yet can be tried.
      const body = { rule: { ...rule, name: rule.name || 'Unnamed' }, from };
      const result = await this.api.send('POST', '/v1/alerts/rules/backtest', body, { signal });
      const series = await this.#series(rule, result, signal);
      if (signal.aborted) return;
      this.#last = { rule, result, series };
      this.#show();
    } catch (error) {
      if (signal.aborted) return;
      setText(this.#summary, sentenceOf(error));
      this.refused(error);
    }
  }

  /** History of the subject; undefined if the rule names none. */
  async #series({ conditions = [] }, { from, to }, signal) {
    const [{ metric, protocol, token, chain } = {}] = conditions;
    const isTvl = metric === 'tvl';
    const id = isTvl ? protocol : token;
    if (!id || !(isTvl || metric === 'price') || id === '*' || chain === '*') return undefined;
    const path = [isTvl ? '/v1/tvl' : '/v1/prices', id, ...(isTvl && chain ? [chain] : [])];
    const address = `${path.map((part, index) => (index ? encodeURIComponent(part) : part)).join('/')}/history`;
    try {
      const { data } = await this.api.get(address, { from, to, limit: 10_000 }, signal);
      return [data.map(({ time }) => Date.parse(time) / 1000), data.map(({ value }) => value)];
    } catch {
      // The firings are listed without a chart.
      return undefined;
    }
  }

  #show() {
    const { result, rule } = this.#last;
    const { fired, firingsPerWeek, points, alerts, warnings, resolution } = result;
    const times = fired === 1 ? 'once' : `${count(fired)} times`;
    const cut = alerts.length < fired ? ` The last ${count(alerts.length)} are shown.` : '';
    setText(
      this.#summary,
      fired === 0
        ? `It would not have fired in ${PERIODS[this.#period.value]} (${count(points)} ${resolution} values).`
        : `It would have fired ${times}, ${firingsPerWeek} a week (${count(points)} ${resolution} values).${cut}`,
    );
    const notes = warnings.map(({ detail }) => el('li', { class: 'note', dir: 'auto' }, detail));
    const listed = alerts.slice(-LISTED).reverse();
    this.#list.replaceChildren(
      ...notes,
      ...listed.map(({ at, message, state }) =>
        el(
          'li',
          {},
          el('time', {}, moment(new Date(at))),
          el('span', { dir: 'auto' }, `${state === 'fired' ? '' : `${state}: `}${message}`),
        ),
      ),
    );
    this.#drawCurve(result, rule);
    this.#draw();
  }

  #drawCurve({ curve, firingsPerWeek }, rule) {
    if (curve.length === 0) return void this.#curve.replaceChildren();
    const [{ metric, operator, threshold } = {}] = rule.conditions ?? [];
    const isRelative = operator === 'change_pct' || metric?.startsWith('change_');
    const format = (value) =>
      isRelative ? `${+(value * 100).toFixed(3)} %` : metric === 'price' ? price(value) : money(value);
    const top = Math.max(firingsPerWeek, ...curve.map((one) => one.firingsPerWeek), 1e-9);
    const rows = curve.map((one) =>
      el(
        'tr',
        one.threshold === threshold ? { 'aria-current': 'true' } : {},
        el(
          'td',
          {},
          el(
            'button',
            { type: 'button', class: 'link', onclick: () => this.#choose(one.threshold) },
            format(one.threshold),
          ),
        ),
        el(
          'td',
          {},
          el('progress', { max: '1', value: String(one.firingsPerWeek / top), 'aria-label': 'Share of the largest' }),
        ),
        el('td', { class: 'number' }, `${one.firingsPerWeek} a week`),
      ),
    );
    return void this.#curve.replaceChildren(
      el(
        'table',
        {},
        el('caption', {}, 'Firings a week against the threshold; choose one to use it'),
        el(
          'thead',
          { class: 'hidden' },
          el('tr', {}, ...['Threshold', 'Share', 'Firings'].map((name) => el('th', { scope: 'col' }, name))),
        ),
        el('tbody', {}, ...rows),
      ),
    );
  }

  #choose(threshold) {
    this.choose(threshold);
    void this.run();
  }

  repaint() {
    if (this.#last) this.#draw();
  }

  #draw() {
    this.#plot?.destroy();
    this.#plot = undefined;
    const { series, result, rule } = this.#last;
    this.#plotNode.hidden = !series || series[0].length < 2;
    if (this.#plotNode.hidden) return;
    const [{ metric, operator, threshold }] = rule.conditions;
    const level = operator !== 'change_pct' && typeof threshold === 'number' ? threshold : undefined;
    const low = level === undefined ? Infinity : level;
    const high = level === undefined ? -Infinity : level;
    const axis = { stroke: color('--ink-3'), font: `12px ${color('--sans')}`, ticks: { show: false } };
    const name = metric === 'tvl' ? 'tvl' : 'price';
    this.#plot = new uPlot(
      {
        ...this.#size(),
        legend: { show: false },
        cursor: { show: false },
        padding: [12, 4, 0, 0],
        series: [{}, { stroke: color('--series-1'), width: 1.75, points: { show: false } }],
        scales: { y: { range: (_plot, min, max) => padded(Math.min(min, low), Math.max(max, high)) } },
        axes: [
          { ...axis, grid: { show: false }, size: 26, space: 80, values: timeLabels(24 * 30) },
          {
            ...axis,
            side: 1,
            size: 62,
            space: 40,
            grid: { stroke: color('--line'), width: 1 },
            values: (_plot, splits) => axisLabels(splits, name),
          },
        ],
        hooks: { draw: [(plot) => drawMarks(plot, result.alerts, level)] },
      },
      series,
      this.#plotNode,
    );
    const shown = result.alerts.filter(({ state }) => state === 'fired').length;
    this.#plotNode.dataset.firings = String(shown);
    this.#plotNode.setAttribute(
      'aria-label',
      `Value over ${PERIODS[this.#period.value]} with ${count(shown)} firings marked`,
    );
  }

  #size() {
    return { width: this.#plotNode.clientWidth || 300, height: this.#plotNode.clientHeight || 240 };
  }
}

/** Draws the threshold as a dashed line, and each firing as a diamond at its time and value. */
function drawMarks(plot, alerts, level) {
  const { ctx, bbox } = plot;
  const ratio = window.devicePixelRatio || 1;
  ctx.save();
  if (level !== undefined) {
    const y = plot.valToPos(level, 'y', true);
    ctx.strokeStyle = color('--ink-3');
    ctx.setLineDash([5 * ratio, 5 * ratio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.setLineDash([]);
  }
  ctx.fillStyle = color('--down');
  for (const { at, state, value } of alerts) {
    if (state !== 'fired') continue;
    const x = plot.valToPos(Date.parse(at) / 1000, 'x', true);
    const y = value === null || level === undefined ? bbox.top + MARK_RADIUS * ratio : plot.valToPos(value, 'y', true);
    const size = MARK_RADIUS * ratio;
    ctx.beginPath();
    ctx.moveTo(x, y - size);
    ctx.lineTo(x + size, y);
    ctx.lineTo(x, y + size);
    ctx.lineTo(x - size, y);
    ctx.fill();
  }
  ctx.restore();
}
