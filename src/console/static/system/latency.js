import { el } from '../dom.js';
import { count, milliseconds } from '../format.js';

/** Histogram of the times from the commit of a change to its delivery, as a table with bars. */
export function latencyBars(buckets) {
  const total = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  const title = el('h2', {}, `From commit to delivery, ${count(total)} messages`);
  if (total === 0) return [title, el('p', { class: 'muted' }, 'No message was sent to a client yet.')];
  const used = buckets.filter((bucket) => bucket.count > 0);
  const largest = Math.max(...used.map((bucket) => bucket.count));
  const rows = used.map(({ to, count: number }) =>
    el(
      'tr',
      {},
      el('th', { scope: 'row' }, to === Infinity ? 'longer' : `≤ ${milliseconds(to * 1_000)}`),
      el('td', {}, el('meter', { min: 0, max: largest, value: number, 'aria-label': `${count(number)} messages` })),
      el('td', { class: 'number' }, count(number)),
    ),
  );
  return [
    title,
    el('table', { class: 'bars' }, el('caption', { class: 'hidden' }, 'Messages by latency'), el('tbody', {}, ...rows)),
  ];
}
