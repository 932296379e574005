import {
  comparedFigures,
  cutText,
  figure,
  movedFigures,
  unitOf,
  unitOfField,
  type AlertMessage,
  type Unit,
} from '../../notifications/core/index.js';
import {
  Comparison,
  EQUALITY_TOLERANCE,
  holdsBySlack,
  isAbsent,
  negated,
  type Condition,
  type HeldBack,
  type LeafReading,
  type ValueCondition,
} from '../core/index.js';
import { namedSubjects } from './summary.js';

/** Condition with its place in the rule, as a sentence needs it. */
export type StatedCondition = Condition & {
  /** Whether the rule requires the opposite of the condition. */
  readonly negated?: boolean;
  /** Whether the rule may hold without the condition. */
  readonly optional?: boolean;
};

/** Parts of a sentence. */
interface Statement {
  rule: string;
  state: AlertMessage['state'];
  conditions: readonly StatedCondition[];
  readings: readonly LeafReading[];
  /** Number of firings that a throttle held back since the last message. */
  suppressed: number;
  /** Firings held back, by subject. */
  heldBack: readonly HeldBack[];
  /** Time for which the rule held, ms; null if unknown. */
  heldMs: number | null;
  /** Whether the firing was resolved by an edit of the rule, possibly without a change of values. */
  edited?: boolean;
}

const METRIC_NAMES: Readonly<Record<string, string>> = {
  tvl: 'TVL',
  price: 'Price',
  volume_24h: 'Volume of 24 h',
  market_cap: 'Market cap',
  change_1h: 'Change over 1 h',
  change_24h: 'Change over 24 h',
  change_7d: 'Change over 7 d',
  points: 'Points',
  staked_tokens: 'Staked tokens',
};
const COMPARISONS = {
  gt: 'above',
  gte: 'at or above',
  lt: 'below',
  lte: 'at or below',
  eq: 'at',
  ne: 'not at',
} as const;
const OPPOSITES = { gt: 'at or below', gte: 'below', lt: 'at or above', lte: 'above', eq: 'not at', ne: 'at' } as const;

/**
 * Returns one sentence for people about a transition: all conditions that hold, or for a resolution those that no longer
 * hold.
 */
export function sentenceOf(statement: Statement): string {
  const { rule, state, conditions, suppressed, heldBack, heldMs, edited = false } = statement;
  const { readings } = statement;
  const stated = readings.filter((reading) => reading.holds === (edited || state !== 'resolved'));
  const facts = (stated.length > 0 ? stated : readings.slice(0, 1)).flatMap((reading) => {
    const condition = conditions[reading.condition];
    if (condition === undefined) return [];
    // After an edit, the last value is stated without a comparison, which may never have failed.
    return [
      edited && !isAbsent(condition)
        ? factOf(condition, { ...reading, holds: false }, 'summary')
        : factOf(condition, reading, state),
    ];
  });
  const what = facts.length === 0 ? 'the rule holds' : facts.join(', and ');
  if (state === 'resolved') {
    return `${rule}: resolved${edited ? ' by an edit of the rule' : ''}, ${what}${heldMs === null ? '' : ` (it held for ${timeSpan(heldMs)})`}`;
  }
  if (state !== 'summary') return `${rule}: ${what}`;
  const since = `${rule}: ${times(suppressed)} more since the last message`;
  // Events, changes, several subjects, and a subject that an edit removed from the rule have no single value to state.
  const isKnown = stated.length > 0 ? stated.some(({ value }) => value !== null) : subjectOf(readings[0]) !== '';
  const subjects = new Set(readings.map(subjectOf));
  if (isKnown && !conditions.every(isMove) && heldBack.every((held) => subjects.has(subjectOf(held))))
    return `${since}; now ${what}`;
  const names = namedSubjects(heldBack, conditions[0], suppressed);
  return names === '' ? since : `${since}: ${names}`;
}

/** Whether a condition is about changes from one published value to the next. */
function isMove(condition: StatedCondition): boolean {
  return !isAbsent(condition) && condition.operator === 'change_pct' && condition.timeWindow === undefined;
}

/** Returns the statement of one condition: `Price of bitcoin is $110, above $100`. */
export function factOf(
  condition: StatedCondition,
  reading: LeafReading,
  state: AlertMessage['state'] = 'fired',
): string {
  const about = subjectOf(reading);
  if (condition.metric === 'event') return `${condition.eventType}${about}${fieldFact(condition, reading)}`;
  const metric = METRIC_NAMES[condition.metric] ?? condition.metric;
  if (isAbsent(condition)) return absenceFact(condition, reading, `${metric}${about}`);
  if (reading.value === null) return `${metric}${about} is not known`;
  const unit = unitOf(condition.metric);
  const hasLeft = state === 'resolved' && hasLeftFilter(condition, reading);
  if (condition.operator === 'change_pct') {
    return changeFact(condition, reading, `${metric}${about}`) + (hasLeft ? leftFilter(condition) : '');
  }
  if (hasLeft) return `${metric}${about} is ${figure(reading.value, unit)}${leftFilter(condition)}`;
  const [shown, threshold] = comparedFigures(reading.value, condition.threshold, unit);
  const comparison = (condition.negated ? OPPOSITES : COMPARISONS)[condition.operator];
  if (reading.holds) {
    if (isOnTheWayBack(condition, reading.value)) {
      return `${metric}${about} is ${shown}, back from ${comparison} ${threshold} but within the hysteresis`;
    }
    const relation = passed(condition, reading) ? 'past' : comparison;
    return `${metric}${about} is ${shown}, ${relation} ${threshold}`;
  }
  // A summary may be sent when the rule no longer holds.
  if (state !== 'resolved') return `${metric}${about} is ${figure(reading.value, unit)}`;
  return `${metric}${about} is ${shown}, ${endOf(comparison, condition.optional)} ${threshold}`;
}

/** Whether the condition holds only because of its hysteresis. */
function isOnTheWayBack(condition: ValueCondition & StatedCondition, value: number): boolean {
  if (condition.operator === 'change_pct') return false;
  const comparison = Comparison[condition.operator];
  const noise = EQUALITY_TOLERANCE * (condition.metric.startsWith('change_') ? 1 : Math.abs(condition.threshold));
  return holdsBySlack(condition.negated ? negated(comparison) : comparison, condition.threshold, noise, value);
}

/**
 * Whether the condition no longer holds only because its subject no longer passes the filter, not because of the value.
 */
function hasLeftFilter(condition: ValueCondition & StatedCondition, { holds, value }: LeafReading): boolean {
  const { operator, threshold, direction, categories, tags, negated: isNegated = false } = condition;
  if (holds || value === null || isNegated || (categories === undefined && tags === undefined)) return false;
  if (operator !== 'change_pct') {
    return operator !== 'eq' && operator !== 'ne' && !isOnTheWayBack(condition, value);
  }
  const isDown = direction === 'down' || (direction === undefined && threshold < 0);
  const size = isDown ? -value : direction === 'up' ? value : Math.abs(value);
  return size >= Math.abs(threshold) - EQUALITY_TOLERANCE;
}

function leftFilter({ categories, tags }: ValueCondition): string {
  if (categories !== undefined && tags !== undefined) return ', and it has no category or tag of the rule any more';
  return categories === undefined
    ? ', and it has no tag of the rule any more'
    : ', and it is in no category of the rule any more';
}

/** Returns the words for a comparison that does not hold. */
function endOf(comparison: string, isOptional = false): string {
  if (comparison === COMPARISONS.ne) return isOptional ? COMPARISONS.eq : `now ${COMPARISONS.eq}`;
  return `${isOptional ? 'not' : 'no longer'} ${comparison}`;
}

/** Returns the text about the compared number in the event's data, for example `, amountUsd is $1.20 M, above $1 M`. */
function fieldFact(
  { field, operator, threshold }: Extract<StatedCondition, { metric: 'event' }>,
  { value }: LeafReading,
): string {
  if (field === undefined || operator === undefined || threshold === undefined) return '';
  if (typeof threshold === 'string') return `, ${field} ${operator === 'ne' ? 'not ' : ''}${cutText(threshold, 100)}`;
  const unit = unitOfField(field);
  if (value === null) return `, ${field} ${COMPARISONS[operator]} ${figure(threshold, unit)}`;
  const [shown, compared] = comparedFigures(value, threshold, unit);
  return `, ${field} is ${shown}, ${COMPARISONS[operator]} ${compared}`;
}

/** Returns the text about an absence: since when, and the last value; or that the subject is observed again. */
function absenceFact({ metric, negated = false }: StatedCondition, reading: LeafReading, subject: string): string {
  const { value, current, observedAt, referenceAt, holds } = reading;
  const last = current === null ? '' : figure(current, unitOf(metric));
  if (holds === negated) {
    if (current === null || referenceAt === null) return `${subject} is not waited for any more`;
    return `${subject} is observed${negated ? '' : ' again'}, at ${moment(referenceAt)}: ${last}`;
  }
  if (value === null || referenceAt === null) return `${subject} was never observed`;
  const known =
    current === null ? '' : `, the last value is ${last}${observedAt === null ? '' : ` at ${moment(observedAt)}`}`;
  return `${subject} was not observed for ${timeSpan(value * 60_000)}, since ${moment(referenceAt)}${known}`;
}

/** Whether the value moved past the threshold of an `eq` without being equal to it. */
function passed({ operator, threshold, negated }: ValueCondition & StatedCondition, reading: LeafReading): boolean {
  const { value, current, previous } = reading;
  if (operator !== 'eq' || negated || value !== current || current === null || previous === null) return false;
  return (previous - threshold) * (current - threshold) < 0;
}

function changeFact(
  { metric, threshold, timeWindow }: ValueCondition,
  { value, current, reference, referenceAt }: LeafReading,
  subject: string,
): string {
  const change = value ?? 0;
  const [size] = comparedFigures(Math.abs(change), Math.abs(threshold), 'percent');
  const within = timeWindow === undefined ? '' : ` within ${timeSpan(timeWindow * 1_000)}`;
  if (change === 0) return unchanged(`${subject} did not change${within}`, current, referenceAt, unitOf(metric));
  const fact = `${subject} ${change < 0 ? 'fell' : 'rose'} ${size}${within}`;
  if (current === null) return fact;
  if (reference === null) return `${fact} to ${figure(current, unitOf(metric))}`;
  const [to, from] = movedFigures(current, reference, unitOf(metric));
  return `${fact} to ${to}, from ${from}${referenceAt === null ? '' : ` at ${moment(referenceAt)}`}`;
}

function unchanged(fact: string, current: number | null, since: number | null, unit: Unit): string {
  if (current === null) return fact;
  return `${fact}: it is ${figure(current, unit)}${since === null ? '' : ` as at ${moment(since)}`}`;
}

function subjectOf(reading: Pick<LeafReading, 'protocol' | 'chain' | 'token' | 'account'> | undefined): string {
  const name = reading?.protocol ?? reading?.token ?? reading?.account ?? null;
  const chain = reading?.chain ?? null;
  if (name === null) return chain === null ? '' : ` on ${chain}`;
  return chain === null ? ` of ${name}` : ` of ${name} on ${chain}`;
}

/** Returns a time as `2026-11-29 17:55 UTC`: a message is read in any zone, and on another day. */
function moment(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

const SPANS = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const;

/** Returns a duration in its two largest units: `1 h 30 min`. */
function timeSpan(milliseconds: number): string {
  let rest = Math.max(0, Math.round(milliseconds / 1_000));
  const parts = SPANS.flatMap(([seconds, name]) => {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    return count === 0 ? [] : [`${count} ${name}`];
  });
  return parts.slice(0, 2).join(' ') || '0 s';
}

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);
