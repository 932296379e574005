import { eventSpec, type DeadBand, type RuleEventType } from '../../../events/core/index.js';
import { isAbsent, isComparison, RULE_LIMITS, type Condition, type NumberCondition, type RuleFinding } from './rule.js';
import { ACCOUNT_MEASURES, isOfAccount, Variable } from './watched-number.js';

export interface LocatedCondition {
  readonly condition: Condition;
  /** JSON pointer to the condition. */
  readonly pointer: string;
}

const FILTERS = ['categories', 'tags', 'minTvl'] as const;
const SUBJECTS = ['protocol', 'chain', 'token'] as const;

/** Returns a bit mask of the variables of a wildcard rule for which no event of this type ever has a value. */
export function neverNamed(eventType: RuleEventType, variables: number): number {
  return eventSpec(eventType).subjects.reduce((rest, subject) => rest & ~Variable[subject], variables);
}

export const FRACTIONS = 'Changes are fractions: 0.1 is 10 %.';

/** Returns the errors of a single condition, regardless of the other conditions. */
export function conditionErrors({ condition, pointer }: LocatedCondition): RuleFinding[] {
  const findings: RuleFinding[] = [];
  const fail = (field: string, code: string, detail: string): void => {
    findings.push({ pointer: `${pointer}/${field}`, code, detail });
  };
  if (condition.metric === 'event') {
    if (condition.chain === '*') fail('chain', 'not_applicable', 'Must be absent for events of every chain.');
    for (const subject of SUBJECTS) {
      if (condition[subject] === undefined || neverNamed(condition.eventType, Variable[subject]) === 0) continue;
      fail(subject, 'not_applicable', `A ${condition.eventType} has no ${subject}: the condition would never hold.`);
    }
    return findings;
  }
  const { metric } = condition;
  if (metric === 'tvl' && condition.token !== undefined) {
    fail('token', 'not_applicable', 'TVL belongs to a protocol, not to a token.');
  }
  if (isOfToken(condition) && condition.protocol !== undefined) {
    fail('protocol', 'not_applicable', `${metric} belongs to a token: name the token instead.`);
  }
  if (isOfToken(condition) && condition.chain !== undefined) {
    fail('chain', 'not_applicable', 'A token on a chain is named "chain:address".');
  }
  if (isOfAccount(metric)) {
    for (const field of [...SUBJECTS, ...FILTERS])
      if (condition[field] !== undefined)
        fail(field, 'not_applicable', `${metric} belongs to an account: name the account.`);
  } else if (condition.account !== undefined) {
    fail(
      'account',
      'not_applicable',
      `${metric} belongs to no account: ${Object.keys(ACCOUNT_MEASURES).join(', ')} do.`,
    );
  }
  for (const field of FILTERS) {
    if (condition[field] === undefined || (condition.protocol ?? condition.token) === undefined) continue;
    fail(field, 'not_applicable', 'Only allowed in a condition on every protocol or token: name neither.');
  }
  for (const field of ['categories', 'minTvl'] as const) {
    if (condition[field] === undefined || !isOfToken(condition)) continue;
    fail(field, 'not_applicable', 'Only allowed for protocols: use the metric tvl, or name the tokens, or their tags.');
  }
  if (condition.minTvl !== undefined && condition.minTvl <= 0) {
    fail('minTvl', 'out_of_range', 'Must be US dollars above 0.');
  }
  if (isAbsent(condition)) {
    const { maxAbsenceMinutes: most } = RULE_LIMITS;
    const { minutes } = condition.absent;
    if (Number.isInteger(minutes) && minutes >= 1 && minutes <= most) return findings;
    fail('absent/minutes', 'out_of_range', `Must be whole minutes from 1 to ${most}.`);
    return findings;
  }
  const { operator, threshold, timeWindow, direction, tolerance } = condition;
  if (operator !== 'change_pct' && timeWindow !== undefined) {
    fail('timeWindow', 'not_applicable', 'Only allowed for change_pct.');
  }
  if (operator !== 'change_pct' && direction !== undefined) {
    fail('direction', 'not_applicable', 'Only allowed for change_pct.');
  }
  if (operator !== 'eq' && operator !== 'ne' && tolerance !== undefined) {
    fail('tolerance', 'not_applicable', 'Only allowed for eq and ne.');
  }
  if (tolerance !== undefined && (tolerance < 0 || tolerance > 1)) {
    fail('tolerance', 'out_of_range', 'Must be a fraction of the threshold from 0 to 1.');
  }
  if (timeWindow !== undefined && !isWindow(timeWindow)) {
    const { minWindowSeconds, maxWindowSeconds } = RULE_LIMITS;
    fail('timeWindow', 'out_of_range', `Must be whole seconds from ${minWindowSeconds} to ${maxWindowSeconds}.`);
  }
  if (operator === 'change_pct') {
    if (metric !== 'tvl' && metric !== 'price') {
      fail('operator', 'not_applicable', `No history is kept of ${metric}: change_pct works on tvl and price.`);
    }
    if (threshold === 0) fail('threshold', 'out_of_range', 'Must not be 0 for change_pct.');
    if (threshold < 0 && direction === 'up') {
      fail('direction', 'contradictory', 'Must be down or absent for a negative threshold, which is a fall.');
    }
  }
  return findings;
}

/** Returns the warnings of a condition that is valid but may not do what its owner expects. */
export function conditionWarnings(
  { condition, pointer }: LocatedCondition,
  hysteresis: number,
  deadBand: DeadBand,
): RuleFinding[] {
  if (!isComparison(condition)) return [];
  const { metric, operator, threshold, tolerance, protocol, token } = condition;
  if (isOfAccount(metric)) return [];
  const findings: RuleFinding[] = [];
  if (isChange(condition) && threshold > 1 && condition.direction !== 'down') {
    const detail = `This is a change by ${Number((threshold * 100).toPrecision(6))} %. ${FRACTIONS}`;
    findings.push({ pointer: `${pointer}/threshold`, code: 'very_large', detail });
  }
  const subject = (isOfToken(condition) ? token : protocol) ?? '*';
  const band = deadBand(isOfToken(condition) || token !== undefined ? 'price' : 'tvl', subject);
  const finer = (field: string, what: string): void => {
    const detail = `${what} is finer than what is published: changes below ${band * 100} % are not published.`;
    findings.push({ pointer: field, code: 'finer_than_dead_band', detail });
  };
  if (operator === 'change_pct' && Math.abs(threshold) < band - 1e-9) finer(`${pointer}/threshold`, 'This change');
  if ((operator === 'eq' || operator === 'ne') && tolerance !== undefined && tolerance < band - 1e-9) {
    finer(`${pointer}/tolerance`, 'This tolerance');
  }
  const isLevel = operator !== 'change_pct' && operator !== 'eq' && operator !== 'ne' && !metric.startsWith('change_');
  if (isLevel && hysteresis > 0 && hysteresis < band - 1e-9) finer('/hysteresis', 'This hysteresis');
  return findings;
}

export function isChange(condition: Condition): boolean {
  return isComparison(condition) && (condition.operator === 'change_pct' || condition.metric.startsWith('change_'));
}

function isOfToken({ metric }: NumberCondition): boolean {
  return metric === 'price' || metric === 'volume_24h' || metric === 'market_cap';
}

function isWindow(seconds: number): boolean {
  const { minWindowSeconds, maxWindowSeconds } = RULE_LIMITS;
  return Number.isInteger(seconds) && seconds >= minWindowSeconds && seconds <= maxWindowSeconds;
}
