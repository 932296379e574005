import { List } from '../kit/list.js';
import { controlOf, field } from '../kit/form.js';
import { el } from '../dom.js';
import { count } from '../format.js';
import { go } from '../links.js';
import { accountLink } from './form.js';
import { points } from './panel.js';

/** All accounts by their points. */
export function mount({ root, api, signal }, { query }) {
  const chain = field({
    label: 'Chain',
    value: query.get('chain') ?? '',
    placeholder: 'all',
    hint: 'Empty: all chains',
  });
  const board = new List({
    label: 'Accounts by points',
    empty: 'No account has points yet.',
    read: ({ cursor, limit }) =>
      api.get('/v1/points/leaderboard', { cursor, limit, chain: controlOf(chain).value.trim() }, signal),
    key: ({ account }) => account,
    open: ({ account }) => go(['onchain', 'accounts', account]),
    columns: [
      { title: 'Rank', draw: ({ rank }) => count(rank) },
      { title: 'Account', draw: ({ account }) => accountLink(account) },
      { title: 'Points', isNumber: true, draw: (row) => points(row.points) },
      { title: 'Pending', isNumber: true, draw: ({ pending }) => points(pending) },
      { title: 'Final', isNumber: true, draw: ({ final }) => points(final) },
    ],
  });
  chain.addEventListener('change', () => go(['onchain', 'leaderboard'], chosen()));
  const chosen = () => {
    const name = controlOf(chain).value.trim();
    return name ? { chain: name } : {};
  };
  root.append(el('div', { class: 'bar' }, chain), board.node);
  void board.restart();
  return {
    show({ query: next }) {
      controlOf(chain).value = next.get('chain') ?? '';
      void board.restart();
    },
  };
}
