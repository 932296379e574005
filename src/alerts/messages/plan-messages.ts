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

/** Maximum age of a message that is still sent, ms. */
export const WANTED_FOR_MS = 86_400_000;

/** Transition with the rule as it is now and the message about it. */
export interface RuleTransition {
  readonly transition: Transition;
  readonly rule: Pick<
    Rule,
    'ruleId' | 'userId' | 'actions' | 'priority' | 'quietHours' | 'snoozedUntil' | 'mode' | 'conditions' | 'where'
  >;
  readonly alert: AlertMessage;
}

/** Reasons for which an alert is in the history only: its evaluator kept it quiet, or its user's storage budget is used up. */
export const SUPPRESSIONS = [...SILENCES, 'budget'] as const;
export type Suppression = (typeof SUPPRESSIONS)[number];

/** Outcome of a transition: `messages` to targets, or the reason why there are none. */
export interface Outcome {
  /** Deliveries recorded for it, suppressed ones included. */
  messages: number;
  /** Id of the alert that it was sent together with. */
  groupedIn?: string;
  /** Reason why it is in the history only. */
  suppressed?: Suppression;
}

export interface MessagePlan {
  readonly deliveries: readonly NewDelivery[];
  readonly outcome: Outcome;
  /** Alert as it is sent, with a notice added if one is due. */
  readonly alert: AlertMessage;
}

const TYPES: Readonly<Record<AlertMessage['state'], MessageType>> = {
  fired: 'alert.fired',
  resolved: 'alert.resolved',
  summary: 'alert.summary',
  test: 'test',
};

/**
 * Returns the messages of one transition decided on at `now` (Unix ms): live and in a backtest the same. Quiet hours, digests and
 * channels that are off are the preferences' part, quiet times of a rule were the evaluator's; a snooze that it did not know of
 * yet counts too.
 */
export function planMessages(
  { transition, rule, alert }: RuleTransition,
  preferences: UserPreferences,
  now: number,
): MessagePlan {
  if (transition.silenced) return silent(alert, transition.silenced);
  if (rule.snoozedUntil && rule.snoozedUntil.getTime() > transition.at) return silent(alert, 'snoozed');
  const sent = transition.flapNotice ? withNotice(alert, rule) : alert;
  const deliveries = rule.actions
    .map((action): NewDelivery => ({
      ...addressed(rule, action, now, preferences),
      // A message about a late row is as old as the row.
      expiresAt: new Date(transition.at + WANTED_FOR_MS),
      type: TYPES[alert.state],
      data: sent,
      collapseKey: flapKey(transition),
      standalone: !statesLevel(rule, transition),
      transitionId: alert.alertId,
    }))
    .flatMap(summaryParts)
    .flatMap((delivery) => incidentParts(delivery, rule, transition));
  return { deliveries, outcome: { messages: deliveries.length }, alert: sent };
}

function withNotice(alert: AlertMessage, rule: Pick<Rule, 'conditions' | 'where'>): AlertMessage {
  const happens = leavesOf(rule).some(({ metric }) => metric === 'event');
  return { ...alert, message: `${alert.message}.${flapNotice(happens)}` };
}

/**
 * Whether a transition states the level of one subject, so that the next one replaces it. Events, moves and crossings happened,
 * whatever came afterwards, and so did the firings of several subjects in a summary; after an edit the next one may be of another
 * subject.
 */
function statesLevel(rule: Pick<Rule, 'mode' | 'conditions' | 'where'>, { readings, reason }: Transition): boolean {
  if (reason === 'edited') return false;
  return rule.mode === 'while_true' && readings.length > 0 && leavesOf(rule).every(isLevel);
}

function isLevel(condition: Condition): boolean {
  if (isAbsent(condition)) return true;
  if (condition.metric === 'event' || condition.metric.startsWith('change_')) return false;
  return condition.operator !== 'change_pct' && condition.operator !== 'eq';
}

/** Returns the fields of a delivery that rule, action and preferences decide. */
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

/** Returns the same for a user whose storage budget is used up: recorded as short as possible. */
export function overBudget(plan: MessagePlan): MessagePlan {
  const { alert, deliveries, outcome } = plan;
  if (outcome.suppressed !== undefined) return plan;
  const refused = deliveries.map((delivery) => ({ ...delivery, suppressed: 'budget' }));
  return { alert, deliveries: refused, outcome: { messages: 0, suppressed: 'budget' } };
}

function silent(alert: AlertMessage, suppressed: Silence): MessagePlan {
  return { deliveries: [], outcome: { messages: 0, suppressed }, alert };
}
