import { tabs } from '../kit/tabs.js';

/** Chains that the service follows and the points of their accounts. */
export function mount(context, route) {
  return tabs(context, route, [
    { name: 'chains', title: 'Chains', load: () => import('./chains.js') },
    { name: 'leaderboard', title: 'Leaderboard', load: () => import('./leaderboard.js') },
    { name: 'accounts', title: 'Account', load: () => import('./account.js') },
    { name: 'events', title: 'Events', load: () => import('./events.js') },
    { name: 'reorgs', title: 'Reorgs', load: () => import('./reorgs.js') },
  ]);
}
