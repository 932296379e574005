import { cutText } from './cut-text.js';
import type { AlertMessage } from './delivery.js';
import { figure, unitOf } from './figures.js';

/** Members of an alert that identify it in one line. */
type Named = Pick<AlertMessage, 'name' | 'protocol' | 'chain' | 'token' | 'account' | 'metric' | 'type' | 'value'>;

/** Returns the subject, such as `aave-v3 on ethereum`; empty for an alert without a single subject. */
export function subjectOf({
  protocol,
  token,
  chain,
  account,
}: Pick<Named, 'protocol' | 'token' | 'chain' | 'account'>): string {
  const name = protocol ?? token ?? account;
  if (name === undefined) return chain ?? '';
  return chain === undefined ? name : `${name} on ${chain}`;
}

/** Returns subject and value, for places with little room: `bitcoin $110`. */
export function headline(alert: Omit<Named, 'name'>): string {
  const { metric, type, value } = alert;
  const shown = value === null || metric === 'event' ? '' : figure(value, unitOf(metric, type));
  return [subjectOf(alert), shown].filter((part) => part !== '').join(' ');
}

/**
 * Returns as many of the items, in order, as `room` allows, and the number of the others. If not even one item fits, it
 * is cut.
 */
export function listed(items: readonly string[], room: number, separator = ', '): { items: string[]; more: number } {
  const shown: string[] = [];
  let left = room;
  for (const item of items) {
    const needed = item.length + (shown.length === 0 ? 0 : separator.length);
    if (needed > left) break;
    left -= needed;
    shown.push(item);
  }
  const [first] = items;
  if (shown.length === 0 && first !== undefined) shown.push(cutText(first, room));
  return { items: shown, more: items.length - shown.length };
}

/** Returns the items that fit in one line: `bitcoin $110, ether $99 and 10 more`. */
export function listedLine(items: readonly string[], room: number): string {
  const { items: shown, more } = listed(items, room);
  return shown.join(', ') + (more === 0 ? '' : ` and ${more} more`);
}
