import uPlot from '../vendor/uplot.js';
import { axisLabels, color, padded, timeLabels } from '../plot.js';
import { byId, el, setText } from '../dom.js';
import { moment } from '../format.js';
import { columnOf, formatOf, groupsOf } from './columns.js';

/** Maximum number of lines; more could not be distinguished in a small chart. */
const LINES = 5;

/**
 * Time buckets as lines. A single line shows values. Several lines, whose values may differ a thousandfold, show the
 * change since the first bucket, because on a common scale all but the largest would look flat.
 */
export class QueryLines {
  #figure = byId('query-lines');
  #node = byId('query-plot');
  #plot;
  #drawn = '';
  #last;

  constructor(signal) {
    const observer = new ResizeObserver(() => this.#plot?.setSize(this.#size()));
    observer.observe(this.#node);
    signal.addEventListener('abort', () => {
      observer.disconnect();
      this.clear();
    });
  }

  show(rows, query) {
    this.#last = { rows, query };
    const series = seriesOf(rows, query);
    this.#figure.hidden = !series;
    if (!series) return this.clear();
    const { times, lines, total, column } = series;
    const isOne = lines.length === 1;
    const data = [times, ...lines.map(({ values }) => (isOne ? values : relative(values)))];
    const names = JSON.stringify([isOne, ...lines.map(({ name }) => name)]);
    if (this.#plot && this.#drawn === names) this.#plot.setData(data);
    else this.#draw(data, isOne && /price/.test(column) ? 'price' : 'tvl');
    this.#drawn = names;
    this.#describe(lines, total, times, formatOf(column, query), data);
  }

  /** Redraws after a change of the colour scheme, because the canvas contains colours. */
  repaint() {
    this.#drawn = '';
    if (this.#plot) this.show(this.#last.rows, this.#last.query);
  }

  clear() {
    this.#figure.hidden = true;
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  #draw(data, metric) {
    this.#plot?.destroy();
    const isOne = data.length === 2;
    const hours = (data[0].at(-1) - data[0][0]) / 3600;
    const axis = { stroke: color('--ink-3'), font: `11px ${color('--sans')}`, ticks: { show: false } };
    this.#plot = new uPlot(
      {
        ...this.#size(),
        legend: { show: false },
        cursor: { show: false },
        padding: [6, 4, 0, 14],
        series: [
          {},
          ...data.slice(1).map((_, index) => ({
            stroke: color(`--series-${index + 1}`),
            width: 1.75,
            spanGaps: true,
            points: { show: false },
          })),
        ],
        scales: { y: { range: (_plot, low, high) => padded(low, high) } },
        axes: [
          { ...axis, grid: { show: false }, size: 22, gap: 4, space: 70, values: timeLabels(hours) },
          {
            ...axis,
            side: 1,
            size: 58,
            gap: 6,
            space: 20,
            grid: { stroke: color('--line'), width: 1 },
            values: (_plot, splits) =>
              isOne ? axisLabels(splits, metric) : splits.map((value) => `${+value.toFixed(6)} %`.replace('-', '−')),
          },
        ],
      },
      data,
      this.#node,
    );
  }

  #describe(lines, total, times, format, data) {
    const since = `since ${moment(times[0] * 1000)}`;
    const rest = total > lines.length ? `, the ${lines.length} largest of ${total}` : '';
    setText(byId('query-lines-title'), lines.length === 1 ? since.replace('s', 'S') : `Change ${since}${rest}`);
    const latest = lines.map(({ name, values }) => `${name} ${format(values.findLast((value) => value !== null))}`);
    byId('query-legend').replaceChildren(
      ...lines.map(({ name }, index) => {
        const value = data[index + 1].findLast((one) => one !== null && one !== undefined);
        const text =
          lines.length === 1
            ? format(value)
            : `${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.abs(value ?? 0).toFixed(2)} %`;
        return el(
          'li',
          { class: `series-${index + 1}` },
          el('i', { 'aria-hidden': 'true' }),
          el('span', {}, name),
          el('b', {}, text),
        );
      }),
    );
    this.#node.setAttribute('aria-label', `Lines ${since}${rest}: now ${latest.join(', ')}`);
  }

  #size() {
    return { width: this.#node.clientWidth, height: this.#node.clientHeight };
  }
}

/** Returns the lines of an answer; undefined if the answer has no values for lines. */
function seriesOf(rows, { time, aggregations }) {
  const [first] = Array.isArray(aggregations) ? aggregations : [];
  if (!time?.bucket || !first) return undefined;
  const column = columnOf(first);
  const times = [...new Set(rows.map((row) => Date.parse(row.time) / 1000))].sort((a, b) => a - b);
  if (times.length < 2 || !rows.some((row) => typeof row[column] === 'number')) return undefined;
  const place = new Map(times.map((at, index) => [at, index]));
  const groups = groupsOf({ aggregations });
  const all = new Map();
  for (const row of rows) {
    const name = groups.map((group) => row[group] ?? '–').join(' · ') || column;
    if (!all.has(name))
      all.set(
        name,
        Array.from(times, () => null),
      );
    all.get(name)[place.get(Date.parse(row.time) / 1000)] = row[column];
  }
  const lines = [...all]
    .map(([name, values]) => ({ name, values, size: values.findLast((value) => value !== null) ?? -Infinity }))
    .sort((a, b) => b.size - a.size);
  return { times, column, total: lines.length, lines: lines.slice(0, LINES) };
}

/** Returns percent of the first value that is not zero. */
function relative(values) {
  const base = values.find((value) => value);
  return values.map((value) => (value === null || !base ? null : (value / base - 1) * 100));
}
