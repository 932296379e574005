import {
  conditionErrors,
  conditionWarnings,
  FRACTIONS,
  isChange,
  neverNamed,
  type LocatedCondition,
} from './check-condition.js';
import { defaultDeadBand, type DeadBand } from '../../../events/core/index.js';
import { compileRule, type CompiledRule } from './compile-rule.js';
import { endless, satisfiability } from './contradictions.js';
import { alternatives, isTrue } from './program.js';
import { RULE_LIMITS, type RuleDefinition, type RuleFinding, type Where } from './rule.js';

interface RuleCheck {
  /** Contradictions, conditions that are never true or out of range, wildcards that cannot be joined. */
  readonly errors: RuleFinding[];
  /** Conditions that are valid but may not do what their owner expects. */
  readonly warnings: RuleFinding[];
}

type CheckedRule = Omit<RuleDefinition, 'ruleId' | 'version'>;

/** Checks whether a syntactically valid rule makes sense. Only rules without errors may be given to the evaluator. */
export function checkRule(rule: CheckedRule, deadBand: DeadBand = defaultDeadBand): RuleCheck {
  const located = locatedConditions(rule);
  // A rule may have a million conditions; errors of the first ones are enough.
  const checked = located.slice(0, RULE_LIMITS.leaves);
  const shape = [...shapeErrors(rule, located.length), ...checked.flatMap(conditionErrors)];
  if (shape.length > 0) return { errors: shape, warnings: [] };

  const compiled = compileRule(rule, deadBand);
  const pointers = located.map(({ pointer }) => pointer);
  const { errors, warnings } = contradictions(compiled, located);
  return {
    errors: [
      ...filterErrors(compiled, pointers),
      ...joinErrors(compiled, pointers),
      ...eventErrors(compiled, pointers, rule.forSeconds),
      ...errors,
    ],
    warnings: [
      ...warnings,
      ...endlessWarnings(compiled, pointers),
      ...located.flatMap((one) => conditionWarnings(one, rule.hysteresis, deadBand)),
    ],
  };
}

/** Returns all conditions of a rule, each with its JSON pointer. */
export function locatedConditions({
  conditions,
  where,
}: Pick<CheckedRule, 'conditions' | 'where'>): LocatedCondition[] {
  return [
    ...conditions.map((condition, index) => ({ condition, pointer: `/conditions/${index}` })),
    ...(where ? locate(where, '/where') : []),
  ];
}

function endlessWarnings(rule: CompiledRule, pointers: readonly string[]): RuleFinding[] {
  const { always, held } = endless(rule);
  const findings = always.map((position): RuleFinding => {
    const detail = 'Every possible value satisfies this.';
    return { pointer: pointers[position] ?? '', code: 'always_true', detail };
  });
  if (held.length === 0) return findings;
  const which = held.map((position) => pointers[position]).join(', ');
  const detail = `Exceeds the threshold of ${which}: a condition that holds would never cease to hold.`;
  return [...findings, { pointer: '/hysteresis', code: 'never_ends', detail }];
}

function locate(where: Where, pointer: string): LocatedCondition[] {
  if ('and' in where) return where.and.flatMap((part, index) => locate(part, `${pointer}/and/${index}`));
  if ('or' in where) return where.or.flatMap((part, index) => locate(part, `${pointer}/or/${index}`));
  return 'not' in where ? locate(where.not, `${pointer}/not`) : [{ condition: where, pointer }];
}

function depthOf(where: Where): number {
  if ('not' in where) return 1 + depthOf(where.not);
  const parts = 'and' in where ? where.and : 'or' in where ? where.or : [];
  return 1 + Math.max(0, ...parts.map(depthOf));
}

function emptyNodes(where: Where, pointer: string): string[] {
  if ('not' in where) return emptyNodes(where.not, `${pointer}/not`);
  const [joint, parts] = 'and' in where ? ['and', where.and] : 'or' in where ? ['or', where.or] : ['', undefined];
  if (parts?.length === 0) return [`${pointer}/${joint}`];
  return (parts ?? []).flatMap((part: Where, index: number) => emptyNodes(part, `${pointer}/${joint}/${index}`));
}

function shapeErrors(rule: CheckedRule, leaves: number): RuleFinding[] {
  const { leaves: most, depth, maxForSeconds, maxThrottleMinutes } = RULE_LIMITS;
  const findings: RuleFinding[] = [];
  const fail = (pointer: string, code: string, detail: string): void => {
    findings.push({ pointer, code, detail });
  };
  if (leaves === 0) fail('/conditions', 'required', 'A rule needs at least one condition.');
  if (leaves > most) fail('/conditions', 'too_many', `At most ${most} conditions, including those of where.`);
  if (rule.where) {
    if (depthOf(rule.where) > depth) fail('/where', 'too_deep', `At most ${depth} levels.`);
    for (const pointer of emptyNodes(rule.where, '/where'))
      fail(pointer, 'required', 'Must have at least one condition.');
  }
  if (!(rule.hysteresis >= 0 && rule.hysteresis <= 1)) {
    fail('/hysteresis', 'out_of_range', 'Must be a fraction of the threshold from 0 to 1.');
  }
  if (!(rule.forSeconds >= 0 && rule.forSeconds <= maxForSeconds)) {
    fail('/forSeconds', 'out_of_range', `Must be seconds from 0 to ${maxForSeconds}.`);
  }
  if (!(rule.throttleMinutes >= 0 && rule.throttleMinutes <= maxThrottleMinutes)) {
    fail('/throttleMinutes', 'out_of_range', `Must be minutes from 0 to ${maxThrottleMinutes}.`);
  }
  return findings;
}

/** Refuses a rule whose wildcards leave open which subject each condition is about. */
function joinErrors({ leaves, program, variables }: CompiledRule, pointers: readonly string[]): RuleFinding[] {
  if (variables === 0) return [];
  const findings: RuleFinding[] = [];
  let named = 0;
  for (const [position, leaf] of leaves.entries()) {
    if (leaf.variables === 0) named |= 1 << position;
    else if (leaf.variables !== variables) {
      const detail =
        'Conditions that leave the protocol, chain, token or account open must leave the same open: this condition and ' +
        'another of the rule are not about the same subject.';
      findings.push({ pointer: pointers[position] ?? '', code: 'not_joinable', detail });
    }
  }
  if (findings.length === 0 && isTrue(program, named)) {
    const detail = 'One alternative names no subject while another is about every one: create two rules instead.';
    findings.push({ pointer: '/where', code: 'not_joinable', detail });
  }
  return findings;
}

/**
 * Refuses filters on changes if the rule's other conditions make these changes of prices: tokens have neither category
 * nor TVL.
 */
function filterErrors({ leaves }: CompiledRule, pointers: readonly string[]): RuleFinding[] {
  return leaves.flatMap((leaf, position) => {
    if (!('number' in leaf) || leaf.number.measure === 'tvl') return [];
    const { categories, minTvl } = leaf.number.filter ?? {};
    if (categories === undefined && minTvl === undefined) return [];
    const detail =
      'Tokens have neither category nor TVL: this condition is about tokens, like the other conditions of the rule.';
    return [{ pointer: pointers[position] ?? '', code: 'not_applicable', detail }];
  });
}

/** Refuses negations of event conditions and `forSeconds` with them: an event is a moment without duration. */
function eventErrors(
  { leaves, program }: CompiledRule,
  pointers: readonly string[],
  forSeconds: number,
): RuleFinding[] {
  const findings: RuleFinding[] = [];
  let events = 0;
  for (const [position, leaf] of leaves.entries()) {
    if (!('event' in leaf)) continue;
    events |= 1 << position;
    if (neverNamed(leaf.event.eventType, leaf.variables) !== 0) {
      const detail = `A ${leaf.event.eventType} does not name the subject that the other conditions leave open: the condition would never hold.`;
      findings.push({ pointer: pointers[position] ?? '', code: 'not_joinable', detail });
    }
    if (!leaf.negated) continue;
    const detail = 'An event has no duration; its negation would hold nearly always.';
    findings.push({ pointer: pointers[position] ?? '', code: 'not_applicable', detail });
  }
  if (forSeconds > 0 && events !== 0 && alternatives(program).every((way) => (way & events) !== 0)) {
    findings.push({
      pointer: '/forSeconds',
      code: 'never_true',
      detail: 'Must be 0 for events: an event has no duration.',
    });
  }
  return findings;
}

function contradictions(rule: CompiledRule, located: readonly LocatedCondition[]): RuleCheck {
  const { alternatives: ways, conflicts } = satisfiability(rule);
  const findings = conflicts.map(({ first, second }): RuleFinding => {
    const { pointer = '', condition } = located[second] ?? {};
    if (first === second) {
      // No value falls by more than 100 %: such a threshold is most likely meant as percent.
      const hint = condition && isChange(condition) ? ` ${FRACTIONS}` : '';
      return { pointer, code: 'never_true', detail: `No value can ever satisfy this.${hint}` };
    }
    return { pointer, code: 'contradictory', detail: `Cannot hold together with ${located[first]?.pointer ?? ''}.` };
  });
  const distinct = [...new Map(findings.map((finding) => [finding.pointer, finding])).values()];
  return conflicts.length === ways ? { errors: distinct, warnings: [] } : { errors: [], warnings: distinct };
}
