/** Peer: tests every rule of the event's key, as a simple alert engine does. Computes only whether rules are true. */
import {
  isComparison,
  type ConditionSubject,
  type RuleDefinition,
  type ValueCondition,
} from '../../../src/alerts/core/index.js';
import type { AlertTask } from './alert-index.js';
import { AlertLoad } from './alert-load.js';
import { loadUniverse } from './alert-universe.js';

export interface Scanned {
  readonly type: 'scanned';
  readonly seconds: number;
  readonly events: number;
  /** Number of rules that held at the end. */
  readonly held: number;
}

const byKey = new Map<string, RuleDefinition[]>();
const held = new Set<RuleDefinition>();
/** Current value of each key, and its value at the start of the windows. */
const values = new Map<string, number>();
const references = new Map<string, number>();
let load: AlertLoad;

function build(task: AlertTask): void {
  load = new AlertLoad(loadUniverse(), task.crashAt);
  for (const { protocol, chain, token, value } of load.history()) {
    values.set(token ?? `${protocol} ${chain}`, value);
    references.set(token ?? `${protocol} ${chain}`, value);
  }
  for (let n = 1; n <= task.rules; n += 1) {
    const rule = load.rule(n);
    for (const key of new Set(rule.conditions.map(keyOf))) {
      const rules = byKey.get(key);
      if (rules) rules.push(rule);
      else byKey.set(key, [rule]);
    }
  }
}

function keyOf({ protocol, chain, token }: ConditionSubject): string {
  return token ?? (protocol === undefined ? '*' : `${protocol} ${chain}`);
}

/** Scans until the time is over or no rows are left. */
function scan(count: number, milliseconds: number): Scanned {
  const rows = load.rows(count);
  const begun = performance.now();
  let events = 0;
  for (const { type, protocol, chain, token, current } of rows) {
    if (performance.now() - begun > milliseconds) break;
    events += 1;
    if (type === 'tick' || current === null) continue;
    const key = token ?? `${protocol} ${chain}`;
    values.set(key, current);
    for (const candidates of [
      byKey.get(key),
      token ? undefined : byKey.get(`${protocol} *`),
      token ? undefined : byKey.get('*'),
    ]) {
      for (const rule of candidates ?? []) judge(rule, key);
    }
  }
  return { type: 'scanned', seconds: (performance.now() - begun) / 1_000, events, held: held.size };
}

function judge(rule: RuleDefinition, key: string): void {
  for (const condition of rule.conditions) {
    const isValue = isComparison(condition);
    const named = isValue ? keyOf(condition) : '';
    const value = values.get(named.includes('*') ? key : named);
    if (!isValue || value === undefined || !holds(condition, value, references.get(key) ?? 0)) {
      held.delete(rule);
      return;
    }
  }
  held.add(rule);
}

function holds({ operator, threshold, tolerance = 0.01 }: ValueCondition, value: number, reference: number): boolean {
  switch (operator) {
    case 'gt':
      return value > threshold;
    case 'lt':
      return value < threshold;
    case 'eq':
      return Math.abs(value - threshold) <= tolerance * threshold;
    default:
      return threshold < 0 ? value / reference - 1 <= threshold : value / reference - 1 >= threshold;
  }
}

let isBuilt = false;
process.on('message', (message: AlertTask | { scan: number; milliseconds: number }) => {
  if ('scan' in message) process.send?.(scan(message.scan, message.milliseconds));
  else if (!isBuilt) {
    isBuilt = true;
    build(message);
    process.send?.({ type: 'built' });
  }
});
