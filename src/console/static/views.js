/**
 * Views of the console in the order of the navigation; the first is shown by default. Each has a folder, and nothing of
 * it is loaded before it is opened. `markup` is a file of HTML that `mount` finds in its root.
 */
export const VIEWS = [
  {
    name: 'live',
    title: 'Live',
    load: () => import('./live/view.js'),
    markup: 'live/view.html',
    styles: ['vendor/uplot.css', 'live/desk.css', 'live/panels.css', 'live/alerts.css'],
  },
  {
    name: 'alerts',
    title: 'Alerts',
    load: () => import('./alerts/view.js'),
    styles: ['vendor/uplot.css', 'kit/form.css', 'kit/kit.css', 'alerts/view.css'],
  },
  {
    name: 'subscriptions',
    title: 'Subscriptions',
    load: () => import('./subscriptions/view.js'),
    styles: ['kit/kit.css', 'kit/form.css', 'subscriptions/view.css'],
  },
  {
    name: 'query',
    title: 'Query',
    load: () => import('./query/view.js'),
    markup: 'query/view.html',
    styles: ['vendor/uplot.css', 'query/query.css', 'query/answer.css'],
  },
  {
    name: 'onchain',
    title: 'On-chain',
    load: () => import('./onchain/view.js'),
    styles: ['kit/kit.css', 'kit/form.css', 'onchain/view.css'],
  },
  {
    name: 'account',
    title: 'Account',
    load: () => import('./account/view.js'),
    styles: ['kit/form.css', 'kit/kit.css', 'account/view.css'],
  },
  {
    name: 'system',
    title: 'System',
    load: () => import('./system/view.js'),
    styles: ['kit/kit.css', 'kit/form.css', 'system/view.css'],
  },
];
