import { isComparison, type RuleDefinition, type ValueCondition, type Where } from '../core/index.js';

/** Thresholds of the curve, as factors of the rule's threshold. */
const FACTORS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 5] as const;
/** Factors for conditions on levels; closer together, because levels vary by smaller factors than changes do. */
const LEVEL_FACTORS = [0.8, 0.9, 0.95, 0.98, 1, 1.02, 1.05, 1.1, 1.2] as const;

interface Variant {
  threshold: number;
  rule: RuleDefinition;
}

/** Returns the rule with different thresholds in its first condition on a number, lowest threshold first. */
export function variants(rule: RuleDefinition): Variant[] {
  const chosen = firstNumber(rule);
  if (chosen === undefined || chosen.threshold === 0) return [];
  const relative = chosen.operator === 'change_pct' || chosen.metric.startsWith('change_');
  const found = (relative ? FACTORS : LEVEL_FACTORS).map((factor): Variant => {
    const threshold = Number((chosen.threshold * factor).toPrecision(10));
    return { threshold, rule: withThreshold(rule, chosen, threshold) };
  });
  return found.sort((a, b) => a.threshold - b.threshold);
}

function firstNumber({ conditions, where }: RuleDefinition): ValueCondition | undefined {
  return conditions.find(isComparison) ?? (where ? firstInTree(where) : undefined);
}

function firstInTree(tree: Where): ValueCondition | undefined {
  if ('not' in tree) return firstInTree(tree.not);
  if (!('and' in tree || 'or' in tree)) return isComparison(tree) ? tree : undefined;
  for (const part of 'and' in tree ? tree.and : tree.or) {
    const found = firstInTree(part);
    if (found !== undefined) return found;
  }
  return undefined;
}

function withThreshold(rule: RuleDefinition, chosen: ValueCondition, threshold: number): RuleDefinition {
  const replaced = (tree: Where): Where => {
    if (tree === chosen) return { ...chosen, threshold };
    if ('and' in tree) return { and: tree.and.map(replaced) };
    if ('or' in tree) return { or: tree.or.map(replaced) };
    return 'not' in tree ? { not: replaced(tree.not) } : tree;
  };
  return {
    ...rule,
    conditions: rule.conditions.map((condition) => (condition === chosen ? { ...chosen, threshold } : condition)),
    ...(rule.where ? { where: replaced(rule.where) } : {}),
  };
}
