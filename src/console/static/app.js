import { Api } from './api.js';
import { startColorScheme } from './color-scheme.js';
import { byId, el, setText } from './dom.js';
import { Router } from './router.js';
import { forgetKey, hasKey, keepKey, takeKey } from './session.js';
import { VIEWS } from './views.js';

/** Refusals after which another key is needed. Other refusals concern the live connection only. */
const REASONS = {
  missing_api_key: 'The server needs an API key.',
  invalid_api_key: 'The server does not know this key.',
  api_key_expired: 'This key has expired.',
};

const STATES = { waiting: 'Connecting', live: 'Live', stale: 'No news from the server', refused: 'Not live' };
const NOTES = {
  thinned: 'Live, thinned out',
  connection_limit: 'All connections of this key are in use',
  rate_limited: 'Too many attempts, waiting',
  server_draining: 'Server restarts, waiting',
};

let router;

function showGate(reason = '') {
  showDesk(false);
  setText(byId('key-error'), reason);
  byId('key-input').focus();
}

function showDesk(shown) {
  byId('gate').hidden = shown;
  for (const id of ['view', 'views', 'search', 'leave']) byId(id).hidden = !shown;
}

/** Opens the view of the address and, beside it, the page's live connection, which all views share. */
function openDesk(key) {
  showDesk(true);
  const api = new Api(key);
  const live = import('./live-data.js').then(({ LiveData }) => connect(new LiveData(key)));
  router = new Router(byId('view'), { api, live, me: once(() => api.get('/v1/me')) });
  router.start();
}

async function connect(live) {
  const { stream } = live;
  stream.addEventListener('state', ({ detail }) => showState(stream, detail));
  stream.addEventListener('announcement', ({ detail }) => announce(detail));
  stream.addEventListener('refused', ({ detail }) => {
    if (!(detail.code in REASONS)) {
      announce(`No live connection: ${detail.message ?? 'the server refused it'}`);
      return;
    }
    router.stop();
    forgetKey();
    showGate(REASONS[detail.code]);
  });
  live.startSearch();
  stream.connect(live.key);
  return live;
}

function showState({ state, reconnects, cursor }, note) {
  const node = byId('state');
  node.dataset.state = state;
  const again = state === 'waiting' && (reconnects > 0 || cursor !== '');
  setText(node.lastElementChild, NOTES[note] ?? (again ? 'Reconnecting' : STATES[state]));
}

function announce(message) {
  setText(byId('notice').firstElementChild, message);
  byId('notice').hidden = false;
}

/** Returns a function that reads once; after a failure the next call reads again. */
function once(read) {
  let reading;
  return () =>
    (reading ??= read().catch((error) => {
      reading = undefined;
      throw error;
    }));
}

byId('views').append(...VIEWS.map(({ name, title }) => el('a', { href: `#/${name}`, 'data-view': name }, title)));
byId('notice').lastElementChild.addEventListener('click', () => (byId('notice').hidden = true));
byId('leave').addEventListener('click', () => {
  forgetKey();
  location.replace('/');
});
byId('skip').addEventListener('click', (event) => {
  // The address names the view, so the link must not change it.
  event.preventDefault();
  byId(byId('gate').hidden ? 'view' : 'gate').focus();
});
byId('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const key = byId('key-input').value.trim();
  if (!key) return;
  keepKey(key);
  // Reloads the page, so that nothing of the previous connection is kept.
  location.reload();
});

// A pressed notification opens its view.
navigator.serviceWorker?.addEventListener('message', ({ data }) => {
  if (String(data?.address).startsWith('/#/')) location.hash = data.address.slice(1);
});
navigator.serviceWorker?.startMessages();

// Pasting the printed URL into an open page changes only the part after the #, which does not reload the page.
window.addEventListener('hashchange', () => hasKey() && location.reload());

startColorScheme(() => router?.repaint());
const key = takeKey();
if (key) openDesk(key);
else showGate();
