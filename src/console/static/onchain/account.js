import { controlOf, field, form } from '../kit/form.js';
import { facts, utc } from '../kit/facts.js';
import { List } from '../kit/list.js';
import { localPages } from '../kit/local-pages.js';
import { refusal } from '../kit/refusal.js';
import { el } from '../dom.js';
import { count } from '../format.js';
import { go } from '../links.js';
import { hash } from './form.js';
import { points } from './panel.js';

const ADDRESS = /^0x[0-9a-f]{40}$/;

/** Points of one account: where it stands, why it has them, its days and its tokens. */
export function mount({ root, api, signal }, route) {
  const account = field({ label: 'Account', placeholder: '0x…', maxlength: 42, pointer: '/account' });
  const at = field({ label: 'As of', placeholder: 'now', hint: 'ISO 8601, or now-24h; empty: the newest block' });
  const page = el('div', { class: 'account', 'aria-live': 'off' });
  const submit = async () => {
    const chosen = controlOf(account).value.trim().toLowerCase();
    if (!ADDRESS.test(chosen)) {
      const detail = 'must be 0x and 40 hexadecimal digits';
      throw Object.assign(new Error(detail), { errors: [{ pointer: '/account', detail }] });
    }
    const moment = controlOf(at).value.trim();
    go(['onchain', 'accounts', chosen], moment ? { at: moment } : {});
  };
  root.append(form({ fields: [el('div', { class: 'fields' }, account, at)], action: 'Show', submit }), page);

  let asked = 0;
  const show = async ({ path: [chosen = ''], query }) => {
    const own = (asked += 1);
    controlOf(account).value = chosen;
    controlOf(at).value = query.get('at') ?? '';
    page.replaceChildren();
    if (!chosen) {
      page.append(el('p', { class: 'nothing-here' }, 'Enter an account, or choose one in the leaderboard.'));
      return;
    }
    page.append(el('p', { class: 'nothing-here' }, 'Loading …'));
    const base = `/v1/points/${encodeURIComponent(chosen)}`;
    try {
      const [standing, explained] = await Promise.all([
        api.get(base, {}, signal),
        api.get(`${base}/explain`, { at: query.get('at') ?? undefined }, signal),
      ]);
      if (own === asked) page.replaceChildren(...pageOf({ api, signal, chosen, base, standing, explained }));
    } catch (error) {
      if (own === asked && !signal.aborted)
        page.replaceChildren(refusal(error, () => void show({ path: [chosen], query })));
    }
  };
  void show(route);
  return { show: (next) => void show(next) };
}

function pageOf({ api, signal, chosen, base, standing, explained }) {
  const rank = standing.rank === null ? 'none: it never had a token' : count(standing.rank);
  const summary = facts({
    Account: el('code', {}, standing.account),
    Points: points(standing.points),
    Pending: `${points(standing.pending)} (from blocks that may still be replaced)`,
    Final: points(standing.final),
    Rank: rank,
    Staked: `${count(BigInt(standing.stakedTokens))} tokens`,
    Held: `${count(BigInt(standing.heldTokens))} tokens`,
    'As of (UTC)': utc(standing.as_of.at),
  });
  const lists = [
    explanation(explained),
    adjustments(explained),
    history(api, base, signal),
    tokens(api, chosen, signal),
  ];
  for (const { list } of lists) void list.restart();
  return [
    el('section', { class: 'panel standing', 'aria-label': 'Standing' }, summary),
    ...lists.map(({ title, note, list }) =>
      el(
        'section',
        { 'aria-label': title },
        el('h2', {}, title),
        ...(note ? [el('p', { class: 'muted' }, note)] : []),
        list.node,
      ),
    ),
  ];
}

function explanation({ at, balance, intervals }) {
  const list = new List({
    label: 'Intervals',
    empty: 'The account staked and held nothing that earns points.',
    rows: 10,
    read: localPages(async () => intervals.map((interval, index) => ({ ...interval, index }))),
    key: ({ index }) => String(index),
    columns: [
      { title: 'Chain', draw: ({ chain }) => chain },
      { title: 'Contract', draw: ({ contract }) => hash(contract) },
      { title: 'Token', draw: ({ tokenId }) => tokenId ?? 'all' },
      { title: 'Kind', draw: ({ kind, quantity }) => (quantity === '1' ? kind : `${kind} × ${quantity}`) },
      { title: 'From (UTC)', draw: ({ from }) => utc(from) },
      { title: 'To (UTC)', draw: ({ to }) => utc(to) },
      { title: 'Rates', draw: ({ ruleVersion }) => `version ${ruleVersion}` },
      { title: 'Points', isNumber: true, draw: (row) => points(row.points) },
    ],
  });
  const note = `Balance ${balance} at ${utc(at)} UTC, from ${count(intervals.length)} intervals. Each is rounded down when shown; the balance is the exact sum, rounded down once.`;
  return { title: 'Why it has these points', note, list };
}

function adjustments(explained) {
  const list = new List({
    label: 'Adjustments',
    empty: 'No adjustments.',
    read: localPages(async () => explained.adjustments.map((one, index) => ({ ...one, index }))),
    key: ({ index }) => String(index),
    columns: [
      { title: 'At (UTC)', draw: ({ at }) => utc(at) },
      { title: 'Reason', draw: ({ reason }) => reason },
      { title: 'Points', isNumber: true, draw: (row) => row.points },
    ],
  });
  return { title: 'Adjustments', list };
}

function history(api, base, signal) {
  const list = new List({
    label: 'Days',
    empty: 'No day has ended with points.',
    rows: 10,
    read: localPages(async () => (await api.get(`${base}/history`, {}, signal)).data.toReversed()),
    key: ({ at }) => at,
    columns: [
      { title: 'At (UTC)', draw: ({ at }) => utc(at) },
      { title: 'Points', isNumber: true, draw: (row) => points(row.points) },
      { title: 'Earned', isNumber: true, draw: ({ earned }) => earned },
      { title: 'Rank', isNumber: true, draw: ({ rank }) => (rank === null ? '–' : count(rank)) },
    ],
  });
  return { title: 'Days, the last one first', list };
}

function tokens(api, account, signal) {
  const list = new List({
    label: 'Tokens',
    empty: 'The account has no tokens now.',
    rows: 10,
    read: ({ cursor, limit }) => api.get('/v1/onchain/tokens', { account, cursor, limit }, signal),
    key: ({ chain, contract, tokenId, owner }) => `${chain} ${contract} ${tokenId} ${owner}`,
    columns: [
      { title: 'Chain', draw: ({ chain }) => chain },
      { title: 'Contract', draw: ({ contract }) => hash(contract) },
      { title: 'Token', draw: ({ tokenId }) => tokenId },
      { title: 'Amount', isNumber: true, draw: ({ quantity }) => quantity },
      { title: 'Staked by', draw: ({ staker }) => (staker ? hash(staker) : 'not staked') },
      { title: 'Since (UTC)', draw: ({ since }) => utc(since) },
    ],
  });
  return { title: 'Tokens', list };
}
