import {
  preferencesFor,
  sendTime,
  type AlertMessage,
  type MessageType,
  type NewDelivery,
  type UserPreferences,
} from '../../notifications/core/index.js';
import {
  isAbsent,
  SILENCES,
  type Condition,
  type Rule,
  type RuleAction,
  type Silence,
  type Transition,
} from '../core/index.js';
import { flapKey, leavesOf } from './alert-message.js';
import { incidentParts } from './incidents.js';
import { summaryParts } from './parts.js';
import { flapNotice } from './flapping.js';

/** A message that nobody has wanted for this long is not sent any more; milliseconds. */
export const WANTED_FOR_MS = 86_400_000;

/** A transition with the rule as it is now and the message about it. */
export interface ToldTransition {
  readonly transition: Transition;
  readonly rule: Pick<
    Rule,
    'ruleId' | 'userId' | 'actions' | 'priority' | 'quietHours' | 'snoozedUntil' | 'mode' | 'conditions' | 'where'
  >;
  readonly alert: AlertMessage;
}

/** Why an alert is in the history only: its evaluator kept it quiet, or too much is stored of its user. */
export const SUPPRESSIONS = [...SILENCES, 'budget'] as const;
export type Suppression = (typeof SUPPRESSIONS)[number];

/** What becomes of a transition: `messages` to targets, or why there are none. */
export interface Outcome {
  /** Deliveries recorded for it, suppressed ones included. */
  messages: number;
  /** The alert that tells it together with others. */
  groupedIn?: string;
  /** Why it is in the history only. */
  suppressed?: Suppression;
}

export interface MessagePlan {
  readonly deliveries: readonly NewDelivery[];
  readonly outcome: Outcome;
  /** As it is told, with a notice added where one is due. */
  readonly alert: AlertMessage;
}

const TYPES: Readonly<Record<AlertMessage['state'], MessageType>> = {
  fired: 'alert.fired',
  resolved: 'alert.resolved',
  summary: 'alert.summary',
  test: 'test',
};

/**
 * The messages of one transition decided on at `now` (Unix ms): live and in a backtest the same. Quiet hours, digests and
 * channels that are off are the preferences' part, what keeps a rule quiet was the evaluator's; a snooze that it did not
 * know of yet counts too.
 */
export function planMessages(
  { transition, rule, alert }: ToldTransition,
  preferences: UserPreferences,
  now: number,
): MessagePlan {
  if (transition.silenced) return silent(alert, transition.silenced);
  if (rule.snoozedUntil && rule.snoozedUntil.getTime() > transition.at) return silent(alert, 'snoozed');
  const told = transition.flapNotice ? withNotice(alert, rule) : alert;
  const deliveries = rule.actions
    .map((action): NewDelivery => ({
      ...addressed(rule, action, now, preferences),
      // What was found late is as old as what it tells of.
      expiresAt: new Date(transition.at + WANTED_FOR_MS),
      type: TYPES[alert.state],
      data: told,
      collapseKey: flapKey(transition),
      standalone: !tellsLevel(rule, transition),
      transitionId: alert.alertId,
    }))
    .flatMap(summaryParts)
    .flatMap((delivery) => incidentParts(delivery, rule, transition));
  return { deliveries, outcome: { messages: deliveries.length }, alert: told };
}

function withNotice(alert: AlertMessage, rule: Pick<Rule, 'conditions' | 'where'>): AlertMessage {
  const happens = leavesOf(rule).some(({ metric }) => metric === 'event');
  return { ...alert, message: `${alert.message}.${flapNotice(happens)}` };
}

/**
 * Whether a transition tells how high one subject stands, so that its next one makes it needless. Events, moves and
 * crossings happened, whatever came afterwards, and so did what a summary tells of several subjects; after an
 * edit the next one may be of another subject.
 */
function tellsLevel(rule: Pick<Rule, 'mode' | 'conditions' | 'where'>, { readings, reason }: Transition): boolean {
  if (reason === 'edited') return false;
  return rule.mode === 'while_true' && readings.length > 0 && leavesOf(rule).every(isLevel);
}

function isLevel(condition: Condition): boolean {
  if (isAbsent(condition)) return true;
  if (condition.metric === 'event' || condition.metric.startsWith('change_')) return false;
  return condition.operator !== 'change_pct' && condition.operator !== 'eq';
}

/** The part of a delivery that rule, action and preferences decide. */
export function addressed(
  rule: Pick<Rule, 'userId' | 'priority' | 'quietHours'>,
  { type: channel, target, template, format }: RuleAction,
  now: number,
  preferences: UserPreferences,
): Omit<NewDelivery, 'type' | 'data' | 'collapseKey'> {
  return {
    userId: rule.userId,
    channel,
    target,
    priority: rule.priority,
    ...(template === undefined ? {} : { template }),
    ...(format === undefined ? {} : { format }),
    ...sendTime(preferencesFor(rule, preferences), rule.priority, new Date(now), channel),
    expiresAt: new Date(now + WANTED_FOR_MS),
  };
}

/** The same, of a user whose budget of what is stored is used up: recorded as short as it can be. */
export function overBudget(plan: MessagePlan): MessagePlan {
  const { alert, deliveries, outcome } = plan;
  if (outcome.suppressed !== undefined) return plan;
  const refused = deliveries.map((delivery) => ({ ...delivery, suppressed: 'budget' }));
  return { alert, deliveries: refused, outcome: { messages: 0, suppressed: 'budget' } };
}

function silent(alert: AlertMessage, suppressed: Silence): MessagePlan {
  return { deliveries: [], outcome: { messages: 0, suppressed }, alert };
}
