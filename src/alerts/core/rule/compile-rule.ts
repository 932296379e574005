import { defaultDeadBand, type DeadBand, type Finality } from '../../../events/core/index.js';
import { Comparison, negated, type Test } from './comparison.js';
import type { Program } from './program.js';
import type {
  AbsentCondition,
  Condition,
  EventCondition,
  FieldTest,
  RuleDefinition,
  SubjectFilter,
  NumberCondition,
  ValueCondition,
  ValueMetric,
  Where,
} from './rule.js';
import { isAbsent } from './rule.js';
import { EQUALITY_TOLERANCE } from './tolerance.js';
import {
  ABSENCE,
  ANY,
  LEVEL,
  PREVIOUS,
  TOTAL,
  isOfAccount,
  variablesOf,
  type Measure,
  type WatchedEvent,
  type WatchedNumber,
} from './watched-number.js';

/** Condition in the form that the index uses. */
export type CompiledLeaf =
  | { readonly number: WatchedNumber; readonly test: Test; readonly variables: number }
  | {
      readonly event: WatchedEvent;
      readonly field: FieldTest | undefined;
      readonly negated: boolean;
      readonly variables: number;
    };

export interface CompiledRule {
  /** Conditions by position: first those of `conditions`, then those of `where` in reading order. */
  readonly leaves: readonly CompiledLeaf[];
  readonly program: Program;
  /** Wildcards of the rule, as bits: the subject of each names an instance. */
  readonly variables: number;
}

const CHANGE_WINDOWS_MS: Partial<Record<ValueMetric, number>> = {
  change_1h: 3_600_000,
  change_24h: 86_400_000,
  change_7d: 604_800_000,
};

/** Returns the conditions in the order of their positions. */
export function conditionsOf(rule: Pick<RuleDefinition, 'conditions' | 'where'>): Condition[] {
  return [...rule.conditions, ...(rule.where ? leavesOf(rule.where) : [])];
}

function leavesOf(where: Where): Condition[] {
  if ('and' in where) return where.and.flatMap(leavesOf);
  if ('or' in where) return where.or.flatMap(leavesOf);
  return 'not' in where ? leavesOf(where.not) : [where];
}

/** Compiles any syntactically valid rule; check-rule.ts decides whether the rule makes sense. */
export function compileRule(
  rule: Pick<RuleDefinition, 'conditions' | 'where' | 'hysteresis' | 'finality'>,
  deadBand: DeadBand = defaultDeadBand,
): CompiledRule {
  const conditions = conditionsOf(rule);
  const aboutTokens = conditions.some(isAboutToken) && !conditions.some((c) => c.metric === 'tvl');
  const values = conditions.map((c) => (c.metric === 'event' ? undefined : watchedNumber(c, aboutTokens)));
  const variables = values.reduce((all, number) => all | (number ? variablesOf(number) : 0), 0);
  const leaves: CompiledLeaf[] = [];

  const leaf = (condition: Condition, negate: boolean): Program => {
    const bit = 1 << leaves.length;
    const number = values[leaves.length];
    if (condition.metric === 'event') leaves.push(eventLeaf(condition, negate, variables, rule.finality));
    else if (number) {
      const test = isAbsent(condition)
        ? absenceOf(condition, negate)
        : testOf(condition, number, rule.hysteresis, negate, deadBand);
      leaves.push({ number, test, variables: variablesOf(number) });
    }
    return { all: true, bits: bit, children: [] };
  };
  const build = (where: Where, negate: boolean): Program => {
    if ('not' in where) return build(where.not, !negate);
    if ('and' in where)
      return combine(
        !negate,
        where.and.map((part) => build(part, negate)),
      );
    if ('or' in where)
      return combine(
        negate,
        where.or.map((part) => build(part, negate)),
      );
    return leaf(where, negate);
  };
  const parts = rule.conditions.map((condition) => leaf(condition, false));
  if (rule.where) parts.push(build(rule.where, false));
  return { leaves, program: combine(true, parts), variables };
}

/**
 * Combines parts into one node. A part with the same operator (and, or) and a single condition are merged into the node.
 */
function combine(all: boolean, parts: readonly Program[]): Program {
  let bits = 0;
  const children: Program[] = [];
  for (const part of parts) {
    const single = part.children.length === 0 && (part.bits & (part.bits - 1)) === 0;
    if (part.all === all || single) {
      bits |= part.bits;
      children.push(...part.children);
    } else children.push(part);
  }
  return bits === 0 && children.length === 1 && children[0] ? children[0] : { all, bits, children };
}

function isAboutToken(condition: Condition): boolean {
  return condition.metric === 'price' || condition.metric === 'volume_24h' || condition.metric === 'market_cap';
}

/**
 * Returns the measure of a condition. `change_*` is of a price if a token is named or all other conditions of the rule
 * are about tokens; otherwise of TVL.
 */
function measureOf({ metric, protocol, chain, token }: NumberCondition, aboutTokens: boolean): Measure {
  if (metric !== 'change_1h' && metric !== 'change_24h' && metric !== 'change_7d') return metric;
  if (token !== undefined) return 'price';
  return aboutTokens && protocol === undefined && chain === undefined ? 'price' : 'tvl';
}

function watchedNumber(condition: NumberCondition, aboutTokens: boolean): WatchedNumber {
  const measure = measureOf(condition, aboutTokens);
  const ofProtocol = measure === 'tvl';
  const subject = {
    measure,
    protocol: ofProtocol ? (condition.protocol ?? ANY) : '',
    chain: ofProtocol ? (condition.chain ?? TOTAL) : '',
    token: ofProtocol ? '' : ((isOfAccount(measure) ? condition.account : condition.token) ?? ANY),
    ...filterOf(condition),
  };
  if (isAbsent(condition)) return { ...subject, windowMs: ABSENCE, absolute: false };
  const { metric, operator, timeWindow, threshold } = condition;
  const isChange = operator === 'change_pct';
  return {
    ...subject,
    windowMs: isChange
      ? timeWindow === undefined
        ? PREVIOUS
        : timeWindow * 1000
      : (CHANGE_WINDOWS_MS[metric] ?? LEVEL),
    absolute: isChange && condition.direction === undefined && threshold >= 0,
  };
}

function filterOf({ categories, tags, minTvl }: NumberCondition): { filter?: SubjectFilter } {
  if (categories === undefined && tags === undefined && minTvl === undefined) return {};
  return { filter: { categories, tags, minTvl } };
}

/**
 * Returns the leaf of an event condition. An event must name the subject of every wildcard of the rule, because all
 * conditions of the rule are about the same subject.
 */
function eventLeaf(
  condition: EventCondition,
  negate: boolean,
  variables: number,
  finality: Finality = 'instant',
): CompiledLeaf {
  const { eventType, protocol = null, chain = null, token = null } = condition;
  const bound = variablesOf({
    measure: 'tvl',
    windowMs: LEVEL,
    absolute: false,
    protocol: protocol === null ? ANY : '',
    chain: chain === null ? ANY : '',
    token: token === null ? ANY : '',
  });
  const joins = (variables & bound) === variables;
  const event = { eventType, protocol, chain, token, finality };
  return { event, field: fieldTestOf(condition), negated: negate, variables: joins ? variables : 0 };
}

function fieldTestOf({ field, operator, threshold }: EventCondition): FieldTest | undefined {
  if (field === undefined || operator === undefined || threshold === undefined) return undefined;
  return { field, operator, threshold };
}

const COMPARISONS = {
  gt: Comparison.gt,
  gte: Comparison.gte,
  lt: Comparison.lt,
  lte: Comparison.lte,
  eq: Comparison.eq,
  ne: Comparison.ne,
} as const;

function absenceOf({ absent }: AbsentCondition, negate: boolean): Test {
  return { comparison: negate ? Comparison.lt : Comparison.gte, threshold: absent.minutes, slack: 0 };
}

function testOf(
  condition: ValueCondition,
  number: WatchedNumber,
  hysteresis: number,
  negate: boolean,
  deadBand: DeadBand,
): Test {
  const { operator, threshold, direction, tolerance } = condition;
  const back = hysteresis * Math.abs(threshold);
  if (operator === 'change_pct') {
    const down = direction === 'down' || (direction === undefined && threshold < 0);
    const size = Math.abs(threshold) - EQUALITY_TOLERANCE;
    const comparison = down ? Comparison.lte : Comparison.gte;
    return { comparison: negate ? negated(comparison) : comparison, threshold: down ? -size : size, slack: back };
  }
  const comparison = negate ? negated(COMPARISONS[operator]) : COMPARISONS[operator];
  const noise = EQUALITY_TOLERANCE * (number.windowMs === LEVEL ? Math.abs(threshold) : 1);
  if (operator !== 'eq' && operator !== 'ne') {
    const isAbove = operator === 'gt' || operator === 'lte';
    return { comparison, threshold: isAbove ? threshold + noise : threshold - noise, slack: back };
  }
  const subject = (number.measure === 'tvl' ? number.protocol : number.token) || ANY;
  const ratio =
    tolerance ?? (isOfAccount(number.measure) ? 0 : deadBand(number.measure === 'tvl' ? 'tvl' : 'price', subject));
  return { comparison, threshold, slack: ratio * Math.abs(threshold) + noise };
}
