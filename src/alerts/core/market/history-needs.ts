import { compileRule, type CompiledRule } from '../rule/compile-rule.js';
import type { Series } from '../index/series.js';
import type { HistoryNeed, Observed } from '../market-row.js';
import type { RuleDefinition } from '../rule/rule.js';
import { ANY, isOfAccount, TOTAL, type WatchedNumber } from '../rule/watched-number.js';

/** Stored series that a rule reads; a null member matches all. */
export type HistoryFamily = Omit<HistoryNeed, 'seconds'>;

/**
 * Returns the stored history of all numbers that a rule reads, with and without windows. Volumes and market caps are
 * stored with prices.
 */
export function historyFamilies(rule: Pick<RuleDefinition, 'conditions' | 'where' | 'hysteresis'>): HistoryFamily[] {
  return compileRule(rule).leaves.flatMap((leaf) => {
    if (!('number' in leaf) || isOfAccount(leaf.number.measure)) return [];
    const { measure, protocol, token, filter } = leaf.number;
    const chain = filter?.minTvl === undefined ? leaf.number.chain : TOTAL;
    return [{ metric: measure === 'tvl' ? measure : 'price', ...subjectOf(protocol, chain, token) }];
  });
}

/**
 * Returns the stored history that must be loaded for the windows of a rule: one entry for each subject and field, with the
 * longest window. Numbers whose history the evaluator already has are left out.
 */
export function historyNeeds(rule: CompiledRule, isHeld: (number: WatchedNumber) => boolean): HistoryNeed[] {
  const needs = new Map<string, HistoryNeed>();
  for (const leaf of rule.leaves) {
    if (!('number' in leaf) || leaf.number.windowMs <= 0) continue;
    const { measure, protocol, chain, token, windowMs } = leaf.number;
    if ((measure !== 'tvl' && measure !== 'price') || isHeld(leaf.number)) continue;
    const need: HistoryNeed = {
      metric: measure,
      ...subjectOf(protocol, chain, token),
      seconds: windowMs / 1000,
    };
    const key = `${need.metric} ${need.protocol ?? ''} ${need.chain ?? ''} ${need.token ?? ''}`;
    if ((needs.get(key)?.seconds ?? 0) < need.seconds) needs.set(key, need);
  }
  return [...needs.values()];
}

/** Accounts whose present numbers a rule needs; `*`: all. */
export function accountNeeds(rule: CompiledRule, isKnown: (number: WatchedNumber) => boolean): string[] {
  return rule.leaves.flatMap((leaf) =>
    'number' in leaf && isOfAccount(leaf.number.measure) && !isKnown(leaf.number) ? [leaf.number.token] : [],
  );
}

/** Returns the key under which the last observation of a series is asked for. */
export function observedOf({ measure, protocol, chain, token }: Series): Observed {
  if (measure !== 'tvl') return { metric: 'price', protocol: null, chain: null, token };
  return { metric: 'tvl', protocol, chain: chain === TOTAL ? null : chain, token: null };
}

/** Returns the subject of the history; for a total, all chains of the protocol. */
function subjectOf(protocol: string, chain: string, token: string): Pick<HistoryNeed, 'protocol' | 'chain' | 'token'> {
  return { protocol: named(protocol), chain: chain === TOTAL ? null : named(chain), token: named(token) };
}

function named(name: string): string | null {
  return name === ANY || name === '' ? null : name;
}
