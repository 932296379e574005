import { Alerts } from './alerts.js';
import { Api } from './api.js';
import { Chart } from './chart.js';
import { startColorScheme } from './color-scheme.js';
import { byId, setText } from './dom.js';
import { Figures } from './figures.js';
import { LagWindow, RateWindow, loggedAt } from './lag.js';
import { Movers } from './movers.js';
import { startOnchain } from './onchain-start.js';
import { Query } from './query.js';
import { startSearch } from './search.js';
import { forgetKey, hasKey, keepKey, takeKey } from './session.js';
import { Store } from './store.js';
import { Stream } from './stream.js';
import { Tape } from './tape.js';

const REASONS = {
  missing_api_key: 'The server needs an API key.',
  invalid_api_key: 'The server does not know this key.',
  api_key_expired: 'This key has expired.',
  forbidden: 'This key may not open a live connection.',
};

let chart;
let query;

/** Returns the subject that the URL selects: `#tvl=lido` or `#price=bitcoin`. */
function subjectOfAddress() {
  const [[metric, id] = []] = new URLSearchParams(location.hash.slice(1));
  return id && (metric === 'tvl' || metric === 'price') ? { metric, id } : undefined;
}

function showDesk(shown) {
  byId('gate').hidden = shown;
  for (const id of ['desk', 'search', 'leave']) byId(id).hidden = !shown;
}

function showGate(reason = '') {
  showDesk(false);
  setText(byId('key-error'), reason);
  byId('key-input').focus();
}

function openDesk(key) {
  showDesk(true);

  const api = new Api(key);
  const store = new Store();
  const stream = new Stream();
  const lags = new LagWindow();
  const rates = new RateWindow();
  const figures = new Figures(stream, store, lags, rates);
  chart = new Chart(api, store);

  const choose = (subject) => {
    history.replaceState(null, '', `#${new URLSearchParams({ [subject.metric]: subject.id })}`);
    chart.show(subject);
    if (window.innerWidth <= 1080) byId('chart-panel').scrollIntoView({ block: 'start' });
  };
  const tape = new Tape(choose);
  const alerts = new Alerts(api, choose);
  const movers = new Movers(api, choose);
  query = new Query(api, stream, choose);
  startSearch(store, choose);
  stream.addEventListener('ready', () => void startOnchain(api, stream), { once: true });
  window.addEventListener('hashchange', () => subjectOfAddress() && chart.show(subjectOfAddress()));

  stream.addEventListener('state', ({ detail }) => figures.state(detail));
  stream.addEventListener('resumed', ({ detail }) => figures.resumed(detail));
  stream.addEventListener('announcement', ({ detail }) => announce(detail));
  stream.addEventListener('alerts', () => void alerts.load());
  stream.addEventListener('alert', ({ detail }) => alerts.add(detail));
  stream.addEventListener('alertsRefused', ({ detail }) => alerts.refused(detail));
  stream.addEventListener('restart', () => store.restart());
  stream.addEventListener('snapshot', ({ detail }) => detail.forEach((item) => store.apply(item)));
  stream.addEventListener('ready', ({ detail: { fresh } }) => {
    figures.show();
    query.resume();
    // A resumed page is complete, because the replayed events were handled like live ones.
    if (!fresh) return;
    movers.start();
    const first = chart.subject ?? subjectOfAddress() ?? store.largestProtocol();
    if (first) chart.show(first);
  });
  stream.addEventListener('change', ({ detail: { name, event, live } }) => {
    store.apply(event);
    tape.add(name, event);
    const now = Date.now();
    rates.add(now);
    // Replayed events are excluded: the interruption delayed them, not the service.
    if (live) lags.add(now, Math.max(0, now + stream.clockOffset - loggedAt(event.eventId)));
    follow(store, name, event);
  });
  stream.addEventListener('refused', ({ detail }) => {
    stream.close();
    figures.stop();
    movers.stop();
    forgetKey();
    showGate(REASONS[detail.code] ?? detail.message ?? 'The server refused the connection.');
  });
  stream.connect(key);
}

/** Draws a change of the charted subject. */
function follow(store, name, event) {
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

function announce(message) {
  setText(byId('notice').firstElementChild, message);
  byId('notice').hidden = false;
}

byId('notice').lastElementChild.addEventListener('click', () => (byId('notice').hidden = true));
byId('leave').addEventListener('click', () => {
  forgetKey();
  location.replace('/');
});
byId('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const key = byId('key-input').value.trim();
  if (!key) return;
  keepKey(key);
  // Reloads the page, so that nothing of the previous connection is kept.
  location.reload();
});

// Pasting the printed URL into an open page changes only the part after the #, which does not reload the page.
window.addEventListener('hashchange', () => hasKey() && location.reload());

startColorScheme(() => {
  chart?.repaint();
  query?.repaint();
});
const key = takeKey();
if (key) openDesk(key);
else showGate();
