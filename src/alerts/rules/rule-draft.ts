import { NEVER_QUIET, quietHoursFault, type RuleQuietHours } from '../../notifications/core/index.js';
import { timeGiven } from '../../platform/input/time.js';
import { faultyInput, inputFault } from '../../platform/input/faults.js';
import { checkRule, parseConditions, type EvaluatorOptions, type Rule, type RuleFinding } from '../core/index.js';
import { leavesOf } from '../messages/alert-message.js';
import type { ChangeRuleBody, RuleBody } from './rule.dto.js';

/** Rule without the fields that the server sets. */
export type RuleDraft = Omit<Rule, 'ruleId' | 'userId' | 'version' | 'createdAt' | 'updatedAt' | 'lastTriggered'>;

const DEFAULTS = {
  description: null,
  where: null,
  actions: [],
  throttleMinutes: 5,
  throttleScope: 'subject',
  mode: 'while_true',
  hysteresis: 0,
  forSeconds: 0,
  notifyResolved: false,
  finality: 'instant',
  priority: 'normal',
  quietHours: null,
  isActive: true,
  snoozedUntil: null,
} as const;

/** Fields that determine when a rule fires; the other fields only affect notifications. */
const WATCHED = ['conditions', 'where', 'mode', 'hysteresis', 'forSeconds', 'finality'] as const;

/**
 * Returns the rule that a request describes, with names in canonical form; `base` is the rule that the request changes.
 * Throws one error with all errors of its conditions; `warnings` are about conditions that are valid but may not do what
 * their owner expects. A request that changes none of these fields is not refused because of them, so that a rule created
 * before a check existed can still be switched off.
 */
export function draftOf(
  body: RuleBody | ChangeRuleBody,
  base: RuleDraft | undefined,
  deadBand: EvaluatorOptions['deadBand'],
): { draft: RuleDraft; warnings: RuleFinding[] } {
  if (base !== undefined && WATCHED.every((field) => body[field] === undefined)) {
    const draft = { ...base, ...given(body) };
    if (body.actions !== undefined) checkActions(draft);
    return { draft, warnings: checkRule(draft, deadBand).warnings };
  }
  const { conditions, where, errors } = parseConditions(
    body.conditions ?? base?.conditions ?? [],
    body.where === undefined ? (base?.where ?? null) : body.where,
  );
  if (errors.length > 0) throw faultyInput(errors);
  const draft: RuleDraft = {
    ...DEFAULTS,
    name: '',
    ...base,
    ...given(body),
    conditions,
    where,
  };
  const findings = checkRule(draft, deadBand);
  if (findings.errors.length > 0) throw faultyInput(findings.errors);
  checkActions(draft);
  return { draft, warnings: findings.warnings };
}

/** Refuses a finality of an action that has no meaning for the rule. */
function checkActions({ actions, finality, ...rule }: RuleDraft): void {
  const isOnchain = leavesOf(rule).some((leaf) => leaf.metric === 'event' && leaf.eventType === 'onchain_event');
  const findings = actions.flatMap((action, index): RuleFinding[] => {
    const pointer = `/actions/${index}/finality`;
    if (action.finality === undefined) return [];
    if (!isOnchain) {
      const detail = 'Must be absent: the rule has no condition on onchain_event.';
      return [{ pointer, code: 'not_applicable', detail }];
    }
    if (action.finality === 'final' || finality !== 'final') return [];
    return [{ pointer, code: 'contradictory', detail: 'Must be final or absent, as the rule waits for final events.' }];
  });
  if (findings.length > 0) throw faultyInput(findings);
}

/** Returns the fields of the body that a rule adopts unchanged. */
function given(body: RuleBody | ChangeRuleBody): Partial<RuleDraft> {
  const { name, description, throttleScope, mode, hysteresis, forSeconds, notifyResolved, finality } = body;
  const { priority, isActive } = body;
  const throttleMinutes = throttleOf(body);
  const snoozedUntil = typeof body.snoozedUntil === 'string' ? timeGiven(body.snoozedUntil, 0) : body.snoozedUntil;
  const actions = body.actions?.map(({ type, target, template, format, finality: own }) => ({
    type,
    target,
    ...(template === undefined ? {} : { template }),
    ...(format === undefined ? {} : { format }),
    ...(own === undefined ? {} : { finality: own }),
  }));
  const fields = {
    name,
    description,
    actions,
    throttleMinutes,
    throttleScope,
    mode,
    hysteresis,
    forSeconds,
    notifyResolved,
    finality,
  };
  return withoutAbsent({ ...fields, priority, quietHours: quietHoursOf(body), isActive, snoozedUntil });
}

function quietHoursOf({ quietHours: given }: RuleBody | ChangeRuleBody): RuleQuietHours | undefined {
  if (given === undefined || given === null || given === NEVER_QUIET) return given;
  const { start, end, timezone, days, allowCritical = true } = given;
  const quietHours = { start, end, timezone, ...(days === undefined ? {} : { days }), allowCritical };
  const fault = quietHoursFault(quietHours);
  if (fault === undefined) return quietHours;
  const detail = `quietHours.${fault.field} ${fault.detail}`;
  throw inputFault('invalid_request', `/quietHours/${fault.field}`, 'invalid', detail);
}

function throttleOf({ throttleMinutes, throttle_minutes: other }: RuleBody | ChangeRuleBody): number | undefined {
  if (throttleMinutes !== undefined && other !== undefined && throttleMinutes !== other) {
    const detail = 'throttleMinutes and throttle_minutes are the same field; give one of them.';
    throw inputFault('invalid_request', '/throttle_minutes', 'contradiction', detail);
  }
  return throttleMinutes ?? other;
}

type Present<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

function withoutAbsent<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;
}
