import { tabs } from '../kit/tabs.js';

const PARTS = [
  { name: 'rules', title: 'Rules', load: () => import('./rules.js') },
  { name: 'history', title: 'History', load: () => import('./history.js') },
  { name: 'deliveries', title: 'Deliveries', load: () => import('./deliveries.js') },
  { name: 'targets', title: 'Targets', load: () => import('./targets.js') },
  { name: 'templates', title: 'Templates', load: () => import('./templates.js') },
  { name: 'preferences', title: 'Preferences', load: () => import('./preferences.js') },
];

/** The user's alert rules and what came of them. */
export const mount = (context, route) => tabs(context, route, PARTS);
