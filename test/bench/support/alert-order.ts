import { isComparison } from '../../../src/alerts/core/index.js';
import type { AlertLoad } from './alert-load.js';

/**
 * Returns the numbers of the rules in the order in which the service loads them: by the subject and threshold of their
 * first condition.
 */
export function loadOrder(load: AlertLoad, rules: number): Uint32Array {
  const names: string[] = [];
  const numbers = new Map<string, number>();
  const subject = new Uint32Array(rules);
  const threshold = new Float64Array(rules);
  for (let n = 0; n < rules; n += 1) {
    const [first] = load.rule(n + 1).conditions;
    if (first === undefined || !isComparison(first)) continue;
    // Absent members are sorted last, as in the database.
    const name = [first.protocol, first.chain, first.token, first.metric, first.timeWindow?.toString().padStart(9)]
      .map((part) => part ?? '~')
      .join('\u0000');
    const number = numbers.get(name) ?? names.push(name) - 1;
    numbers.set(name, number);
    subject[n] = number;
    threshold[n] = first.threshold;
  }
  const place = new Uint32Array(names.length);
  const sorted = [...names.keys()].toSorted((a, b) => ((names[a] ?? '') < (names[b] ?? '') ? -1 : 1));
  for (const [index, number] of sorted.entries()) place[number] = index;
  const placeOf = (n: number): number => place[subject[n] ?? 0] ?? 0;
  return Uint32Array.from({ length: rules }, (_, n) => n)
    .sort((a, b) => placeOf(a) - placeOf(b) || (threshold[a] ?? 0) - (threshold[b] ?? 0))
    .map((n) => n + 1);
}
