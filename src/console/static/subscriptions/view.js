import { tabs } from '../kit/tabs.js';

/** Subscriptions: what matches a filter, the code that gets it, and why an event did or did not reach a connection. */
export function mount(context, route) {
  return tabs(context, route, [
    { name: 'build', title: 'Build', load: () => import('./build.js') },
    { name: 'explain', title: 'Explain', load: () => import('./explain.js') },
  ]);
}
