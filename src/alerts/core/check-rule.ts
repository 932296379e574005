import type { EvaluatorOptions } from './evaluator.js';
import type { Condition, RuleDefinition, RuleFinding, Where } from './rule.js';

export interface ParsedConditions {
  readonly conditions: readonly Condition[];
  readonly where: Where | null;
  readonly errors: readonly RuleFinding[];
}

/** Reads `conditions` and `where` of a request body, names normalised. With errors, the rest is incomplete. */
export function parseConditions(_conditions: unknown, _where: unknown): ParsedConditions {
  throw new Error('to come');
}

/** `errors`: contradictory, never true, unjoinable; `warnings`: works, but perhaps not as its owner thinks. */
export function checkRule(
  _rule: Omit<RuleDefinition, 'ruleId' | 'version'>,
  _options: Pick<EvaluatorOptions, 'deadBand'> = {},
): { errors: RuleFinding[]; warnings: RuleFinding[] } {
  throw new Error('to come');
}
