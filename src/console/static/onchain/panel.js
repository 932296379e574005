import { el, setText } from '../dom.js';
import { count } from '../format.js';
import { accountLink } from './form.js';

const LEADERS = 10;
/** Shortest time between two reads, ms, however many events arrive. */
const MIN_INTERVAL_MS = 1_000;
/** Longest time between two reads, ms: a block without events sends nothing. */
const MAX_INTERVAL_MS = 5_000;

const STATES = { backfilling: 'Catching up', following: 'Following', paused: 'Paused', stopped: 'Stopped' };
const ENDPOINTS = { in_use: 'in use', standby: 'standby', out: 'out' };

/** Formats decimal text with four decimals, cut and not rounded: `1234.56789` → `1,234.5678`. */
export function points(text) {
  const [whole = '0', decimals = ''] = text.split('.');
  return `${count(BigInt(whole))}.${decimals.slice(0, 4).padEnd(4, '0')}`;
}

/** Writes a time span with its largest unit: `40 s`, `12 min`, `3 h`. */
function span(seconds) {
  if (seconds < 90) return `${seconds} s`;
  return seconds < 5_400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}

/**
 * Accounts with the most points, and the state of each chain. Loaded when there is a chain. Events of the socket tell it to read
 * again; nothing is read while the page is hidden.
 */
export class Onchain {
  #leaders = el('div', { class: 'leaders' });
  #chains = el('ul', { class: 'followed', 'aria-label': 'Followed chains' });
  #note = el('span', { class: 'muted' });
  #timer;
  #readAt = 0;
  #isReading = false;

  constructor(root, api, stream, signal) {
    this.api = api;
    root.replaceChildren(
      el('header', {}, el('h2', { id: 'onchain-title' }, 'Chains and points'), this.#note),
      el('div', { class: 'columns' }, this.#leaders, this.#chains),
    );
    this.signal = signal;
    stream.addEventListener('chain', () => this.#soon(MIN_INTERVAL_MS), { signal });
    document.addEventListener('visibilitychange', () => document.hidden || this.#soon(0), { signal });
    signal.addEventListener('abort', () => clearTimeout(this.#timer));
  }

  /** Reads and draws both, then again after a while. */
  async read() {
    clearTimeout(this.#timer);
    if (this.#isReading) return;
    this.#isReading = true;
    this.#readAt = Date.now();
    try {
      const [status, board] = await Promise.all([
        this.api.get('/v1/onchain/status', {}),
        this.api.get('/v1/points/leaderboard', { limit: LEADERS }),
      ]);
      this.#chains.replaceChildren(...status.data.map(chainRow));
      this.#leaders.replaceChildren(leaderboard(board.data));
      setText(this.#note, '');
    } catch (error) {
      setText(this.#note, `Not up to date: ${error.message}`);
    }
    this.#isReading = false;
    this.#soon(MAX_INTERVAL_MS);
  }

  /** Reads again this long after the last read; an earlier time that is set already is kept. */
  #soon(afterMs) {
    if (document.hidden || this.#isReading || this.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.read(), Math.max(0, this.#readAt + afterMs - Date.now()));
  }
}

function leaderboard(rows) {
  if (rows.length === 0) return el('p', { class: 'empty' }, 'No account has points yet.');
  const cells = rows.map(({ rank, account, points: all, pending }) =>
    el(
      'tr',
      {},
      el('td', {}, String(rank)),
      el('td', {}, accountLink(account)),
      el('td', {}, points(all)),
      el('td', { class: 'muted' }, points(pending)),
    ),
  );
  const names = ['Rank', 'Account', 'Points', 'Pending'].map((name) => el('th', { scope: 'col' }, name));
  return el(
    'table',
    {},
    el('caption', { class: 'hidden' }, 'Accounts with the most points'),
    el('thead', {}, el('tr', {}, ...names)),
    el('tbody', {}, ...cells),
  );
}

function chainRow({ chain, state, reason, head, finalized, projected, ...rest }) {
  const { eventsPerSecond, blocksLeft, etaSeconds, endpoints, alarms } = rest;
  const left = blocksLeft === 0 ? 'none' : `${count(blocksLeft)}${etaSeconds === null ? '' : `, ${span(etaSeconds)}`}`;
  const figures = {
    Head: block(head),
    Final: block(finalized),
    Projected: block(projected),
    'Blocks left': left,
    'Events/s': eventsPerSecond.toFixed(1),
  };
  return el(
    'li',
    { 'data-state': state },
    el('p', { class: 'chain' }, el('b', {}, chain), el('span', { class: 'mark-of-state' }, STATES[state] ?? state)),
    ...(reason ? [el('p', { class: 'problem' }, reason)] : []),
    el(
      'dl',
      {},
      ...Object.entries(figures).map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))),
    ),
    ...alarms.map(({ code, detail }) => el('p', { class: 'problem', title: detail }, `Alarm ${code}: ${detail}`)),
    ...endpoints.map(endpointRow),
  );
}

const block = (at) => (at === null ? '–' : count(at.number));

function endpointRow({ url, state, height, reason }) {
  const parts = [ENDPOINTS[state] ?? state, height === null ? '' : `at ${count(height)}`, reason ?? ''];
  return el(
    'p',
    { class: `endpoint ${state}` },
    el('code', {}, url),
    el('span', {}, ` ${parts.filter(Boolean).join(', ')}`),
  );
}
