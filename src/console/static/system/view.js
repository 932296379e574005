import { tabs } from '../kit/tabs.js';

/** Operation of the service. Most of it needs the role admin; what a key may not see, the server refuses, and the parts say so. */
export function mount(context, route) {
  return tabs(context, route, [
    { name: 'health', title: 'Health', load: () => import('./health.js') },
    { name: 'connections', title: 'Connections', load: () => import('./connections.js') },
    { name: 'dead-letters', title: 'Dead letters', load: () => import('./dead-letters.js') },
    { name: 'keys', title: 'Keys', load: () => import('./keys.js') },
    { name: 'thresholds', title: 'Thresholds', load: () => import('./thresholds.js') },
    { name: 'announcements', title: 'Announcements', load: () => import('./announcements.js') },
    { name: 'audit', title: 'Audit', load: () => import('./audit.js') },
  ]);
}
