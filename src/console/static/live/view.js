import { byId } from '../dom.js';
import { whenReady } from '../stream.js';
import { Alerts } from './alerts.js';
import { Chart } from './chart.js';
import { Figures } from './figures.js';
import { Movers } from './movers.js';
import { Tape } from './tape.js';

/** Returns the subject that the address selects: `#/live?tvl=lido`, `#/live?price=bitcoin`. */
function subjectOf({ query }) {
  const [[metric, id] = []] = query;
  return id && (metric === 'tvl' || metric === 'price') ? { metric, id } : undefined;
}

/** Every change as it is committed: tape, chart, moves, alerts and the connection's figures. */
export function mount(context, route) {
  const { api, stream, store, choose, signal } = context;
  const figures = new Figures(context);
  const chart = new Chart(api, store, signal);
  const tape = new Tape(choose, signal);
  const alerts = new Alerts(api, choose, signal);
  const movers = new Movers(api, choose, signal);
  let asked = subjectOf(route);

  const on = (name, handler) => stream.addEventListener(name, ({ detail }) => handler(detail), { signal });
  on('resumed', (detail) => figures.resumed(detail));
  on('alerts', () => void alerts.load());
  on('alert', (event) => alerts.add(event));
  on('alertsRefused', (reason) => alerts.refused(reason));
  on('refused', () => movers.stop());
  on('change', ({ name, event }) => {
    tape.add(name, event);
    follow(chart, store, name, event);
  });
  whenReady(stream, signal, (fresh) => {
    figures.show();
    // A resumed page is complete, because the replayed events were handled like live ones.
    if (!fresh) return;
    movers.start();
    const first = chart.subject ?? asked ?? store.largestProtocol();
    if (first) chart.show(first);
  });
  if (stream.alertsRefusal) alerts.refused(stream.alertsRefusal);
  if (stream.areAlertsAsked) void alerts.load();

  return {
    show(next) {
      asked = subjectOf(next) ?? store.largestProtocol();
      if (asked) chart.show(asked);
      if (subjectOf(next) && window.innerWidth <= 1080) byId('chart-panel').scrollIntoView({ block: 'start' });
    },
    repaint: () => chart.repaint(),
  };
}

/** Draws a change of the charted subject. */
function follow(chart, store, name, event) {
  const shown = chart.subject;
  if (!shown) return;
  const at = Date.parse(event.timestamp) / 1000;
  if (name === 'price_change' && shown.metric === 'price' && shown.id === event.token)
    chart.append(at, event.currentPrice);
  if (name === 'tvl_change' && shown.metric === 'tvl' && shown.id === event.protocol) {
    chart.append(at, store.valueOf(store.subject('tvl', event.protocol)));
  }
  if (name === 'protocol_update' && shown.metric === 'tvl' && shown.id === event.protocol) chart.describe();
}
