import {
  isAbsent,
  isComparison,
  type Condition,
  type RuleDefinition,
  type Where,
} from '../../../src/alerts/core/index.js';

/** Returns the conditions in order, each with whether an odd number of `not`s applies to it. */
export function leavesOf(rule: RuleDefinition): { condition: Condition; negated: boolean }[] {
  const of = (where: Where, negated: boolean): { condition: Condition; negated: boolean }[] => {
    if ('and' in where) return where.and.flatMap((part) => of(part, negated));
    if ('or' in where) return where.or.flatMap((part) => of(part, negated));
    return 'not' in where ? of(where.not, !negated) : [{ condition: where, negated }];
  };
  return [
    ...rule.conditions.map((condition) => ({ condition, negated: false })),
    ...(rule.where ? of(rule.where, false) : []),
  ];
}

/** Whether the rule is true if its conditions, in order and already negated, hold as given. */
export function isTrue(rule: RuleDefinition, held: readonly boolean[]): boolean {
  let next = rule.conditions.length;
  const walk = (where: Where, negated: boolean): boolean => {
    if ('not' in where) return walk(where.not, !negated);
    if ('and' in where || 'or' in where) {
      const parts = 'and' in where ? where.and : where.or;
      const results = parts.map((part) => walk(part, negated));
      return 'and' in where !== negated ? results.every(Boolean) : results.some(Boolean);
    }
    return held[next++] ?? false;
  };
  return held.slice(0, rule.conditions.length).every(Boolean) && (!rule.where || walk(rule.where, false));
}

export function changeOf(rule: RuleDefinition, condition: Condition): 'tvl' | 'price' {
  if (condition.token !== undefined) return 'price';
  if (condition.protocol !== undefined || condition.chain !== undefined) return 'tvl';
  const metrics = leavesOf(rule).map((leaf) => leaf.condition.metric);
  return !metrics.includes('tvl') && metrics.some((m) => ['price', 'volume_24h', 'market_cap'].includes(m))
    ? 'price'
    : 'tvl';
}

export function variables(rule: RuleDefinition): Set<'protocol' | 'chain' | 'token'> {
  const free = new Set<'protocol' | 'chain' | 'token'>();
  for (const { condition } of leavesOf(rule)) {
    if (condition.metric === 'event') continue;
    const measure = condition.metric.startsWith('change_') ? changeOf(rule, condition) : condition.metric;
    if (measure !== 'tvl') {
      if (condition.token === undefined) free.add('token');
      continue;
    }
    if (condition.protocol === undefined) free.add('protocol');
    if (condition.chain === '*') free.add('chain');
  }
  return free;
}

export const isChange = (condition: Condition): boolean =>
  isComparison(condition) && (condition.operator === 'change_pct' || condition.metric.startsWith('change_'));

export interface NaiveCase {
  readonly rule: RuleDefinition;
  readonly condition: Condition;
  readonly negated: boolean;
}

/** Whether a condition (or its negation) holds at a value, given whether it held before. */
export function holds(
  { rule, condition, negated }: NaiveCase,
  value: number,
  held: boolean,
  deadBand: { tvl: number; price: number },
): boolean {
  if (condition.metric === 'event') return false;
  if (isAbsent(condition)) return value >= condition.absent.minutes !== negated;
  const { operator, threshold, tolerance, direction } = condition;
  const back = rule.hysteresis * Math.abs(threshold);
  const noise = isChange(condition) ? 1e-9 : 1e-9 * Math.abs(threshold);
  if (operator === 'eq' || operator === 'ne') {
    const measure = condition.metric.startsWith('change_') ? changeOf(rule, condition) : condition.metric;
    const ratio = tolerance ?? (measure === 'tvl' ? deadBand.tvl : deadBand.price);
    const band = ratio * Math.abs(threshold) + noise;
    const inside = value >= threshold - band && value <= threshold + band;
    return inside !== (negated !== (operator === 'ne'));
  }
  if (operator === 'change_pct') {
    const size = Math.abs(threshold) - 1e-9;
    if (direction === 'down' || (direction === undefined && threshold < 0)) {
      return negated ? value > -size - (held ? back : 0) : value <= -size + (held ? back : 0);
    }
    const seen = direction === undefined ? Math.abs(value) : value;
    return negated ? seen < size + (held ? back : 0) : seen >= size - (held ? back : 0);
  }
  const near = operator === 'gt' || operator === 'lte' ? threshold + noise : threshold - noise;
  const low = near - (held ? back : 0);
  const high = near + (held ? back : 0);
  switch (operator) {
    case 'gt':
      return negated ? value <= high : value > low;
    case 'gte':
      return negated ? value < high : value >= low;
    case 'lt':
      return negated ? value >= low : value < high;
    default:
      return negated ? value > low : value <= high;
  }
}
