import type { CompiledRule } from './compile-rule.js';
import type { HistoryNeed } from './market-row.js';
import { ANY, TOTAL, type WatchedNumber } from './watched.js';

/**
 * Which stored history the windows of a rule look back on, where it is not held already; one entry for each family of
 * series, with the longest window.
 */
export function historyNeeds(rule: CompiledRule, isHeld: (number: WatchedNumber) => boolean): HistoryNeed[] {
  const needs = new Map<string, HistoryNeed>();
  for (const leaf of rule.leaves) {
    if (!('number' in leaf) || leaf.number.windowMs <= 0) continue;
    const { measure, protocol, chain, token, windowMs } = leaf.number;
    if ((measure !== 'tvl' && measure !== 'price') || isHeld(leaf.number)) continue;
    const need: HistoryNeed = {
      metric: measure,
      protocol: named(protocol),
      chain: chain === TOTAL ? null : named(chain),
      token: named(token),
      seconds: windowMs / 1000,
    };
    const key = `${need.metric} ${need.protocol ?? ''} ${need.chain ?? ''} ${need.token ?? ''}`;
    if ((needs.get(key)?.seconds ?? 0) < need.seconds) needs.set(key, need);
  }
  return [...needs.values()];
}

function named(name: string): string | null {
  return name === ANY || name === '' ? null : name;
}
